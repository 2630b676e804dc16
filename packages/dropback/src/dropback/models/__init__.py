"""Networks, baselines, training, prediction and the folder that holds a trained run."""
