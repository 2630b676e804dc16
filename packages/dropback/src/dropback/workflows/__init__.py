"""The main job, file to file: what each command does, callable from Python too."""

from dropback.evaluation._over_time import TIMES_BEFORE_RELEASE_S as TIMES_BEFORE_RELEASE_S
from dropback.evaluation._over_time import TIMES_SINCE_SNAP_S as TIMES_SINCE_SNAP_S
from dropback.evaluation._over_time import OverTime as OverTime
from dropback.evaluation._over_time import evaluate_over_time as evaluate_over_time
from dropback.workflows._files import read_evaluation as read_evaluation
from dropback.workflows._files import read_scores as read_scores
from dropback.workflows._files import require_picture_path as require_picture_path
from dropback.workflows._files import require_table_path as require_table_path
from dropback.workflows._files import with_tracking as with_tracking
from dropback.workflows._files import write_json as write_json
from dropback.workflows._files import write_table as write_table
from dropback.workflows._running import EvaluatedRun as EvaluatedRun
from dropback.workflows._running import evaluate_run as evaluate_run
from dropback.workflows._running import predict_plays as predict_plays
from dropback.workflows._running import score_run as score_run
from dropback.workflows._running import train_run as train_run
from dropback.workflows._selecting import TrackedSelection as TrackedSelection
from dropback.workflows._selecting import TrackingSource as TrackingSource
from dropback.workflows._selecting import features_of as features_of
from dropback.workflows._selecting import fit_expected_points_for as fit_expected_points_for
from dropback.workflows._selecting import keep_unseen as keep_unseen
from dropback.workflows._selecting import longer_than_trained as longer_than_trained
from dropback.workflows._selecting import parse_seasons as parse_seasons
from dropback.workflows._selecting import select_for_run as select_for_run
from dropback.workflows._selecting import select_from as select_from
from dropback.workflows._selecting import without_tracking as without_tracking
