"""Run tasks in this process, in others, or on the workers of Ray or Dask."""

from dropback.execution._executors import Executor as Executor
from dropback.execution._executors import ExecutorChoice as ExecutorChoice
from dropback.execution._executors import open_executor as open_executor
from dropback.execution._executors import opened as opened
from dropback.execution._executors import parse_executor as parse_executor
from dropback.execution._executors import usable_cores as usable_cores
from dropback.execution._needs import Needs as Needs
from dropback.execution._processes import process_pool as process_pool
from dropback.execution._tasks import Done as Done
from dropback.execution._tasks import Task as Task
from dropback.execution._tasks import run_tasks as run_tasks
from dropback.execution._tasks import stored_results as stored_results
