"""Do what each command does, from files to files; callable from Python too."""

from dropback._choices import parse_seasons as parse_seasons
from dropback.data._table_files import require_table_path as require_table_path
from dropback.data._table_files import write_table as write_table
from dropback.workflows._files import read_evaluation as read_evaluation
from dropback.workflows._files import read_scores as read_scores
from dropback.workflows._files import require_picture_path as require_picture_path
from dropback.workflows._files import with_tracking as with_tracking
from dropback.workflows._files import write_json as write_json
from dropback.workflows._leagues import simulate_league as simulate_league
from dropback.workflows._plays import TrackedSelection as TrackedSelection
from dropback.workflows._plays import fit_expected_points_for as fit_expected_points_for
from dropback.workflows._plays import keep_unseen as keep_unseen
from dropback.workflows._plays import longer_than_trained as longer_than_trained
from dropback.workflows._plays import open_source as open_source
from dropback.workflows._plays import read_plays as read_plays
from dropback.workflows._plays import read_plays_for as read_plays_for
from dropback.workflows._plays import without_tracking as without_tracking
from dropback.workflows._runs import RunEvaluation as RunEvaluation
from dropback.workflows._runs import evaluate as evaluate
from dropback.workflows._runs import predict as predict
from dropback.workflows._runs import score as score
from dropback.workflows._runs import train as train
from dropback.workflows._store import Store as Store
from dropback.workflows._store import open_store as open_store
