"""Files on disk or in an object store: read by URL, written whole or not at all."""

from dropback.storage._folders import StoredFile as StoredFile
from dropback.storage._folders import StoredFolder as StoredFolder
from dropback.storage._folders import digest_of as digest_of
from dropback.storage._folders import keep_folder as keep_folder
from dropback.storage._folders import read_folder as read_folder
from dropback.storage._folders import write_manifest as write_manifest
from dropback.storage._inputs import copy_of_file as copy_of_file
from dropback.storage._inputs import local_copy as local_copy
from dropback.storage._inputs import origin_of as origin_of
from dropback.storage._inputs import read_ahead as read_ahead
from dropback.storage._inputs import remote_files as remote_files
from dropback.storage._outputs import MANIFEST as MANIFEST
from dropback.storage._outputs import WorkArea as WorkArea
from dropback.storage._outputs import fetched as fetched
from dropback.storage._outputs import output_folder as output_folder
from dropback.storage._outputs import put_output as put_output
from dropback.storage._outputs import require_new_output as require_new_output
from dropback.storage._outputs import work_area as work_area
from dropback.storage._outputs import write_output as write_output
from dropback.storage._stores import DiskStore as DiskStore
from dropback.storage._stores import RemoteStore as RemoteStore
from dropback.storage._stores import Store as Store
from dropback.storage._stores import is_url as is_url
from dropback.storage._stores import open_store as open_store
from dropback.storage._stores import split_url as split_url
