"""A run as a folder: what went in, what came out, by digest; and taking it up again after a kill.

    manifest.json      every file by SHA-256, versions, seed, machine, inputs, parents, finished stages
    <stage>/...        artefacts, written once: beside, synced, renamed, and only then entered in the manifest
    <stage>/*.jsonl    growing logs, a line a step; cut back to the last checkpoint on resume, entered at the end
    .checkpoints/      the last whole steps of the stage that is running; gone when the stage is done

    directory     RunDirectory: artefacts, stages, who holds the run       verification  every file against the manifest
    manifest      what is written down of a run        checkpoints   the last whole steps of a stage
    growing_log   a log that grows by a line a step    files         written whole or not at all; digests; no way out
    stopping      a signal that asks for the end       taking        a finished stage of another run
    lock          which process works on a run         followed      a run that another process writes
    launch        which of several processes this is

Reading an artefact back checks its digest, so a half-written or altered file is refused, never used.
"""

from accord.run.checkpoints import Checkpoint, Retention
from accord.run.directory import RunDirectory, timed
from accord.run.files import digest_of, digest_of_folder, digest_of_settings, write_whole
from accord.run.followed import FollowedRun
from accord.run.growing_log import GrowingLog, LogMark
from accord.run.launch import Launch, launch_of
from accord.run.lock import LOCK, Holder, holder_of
from accord.run.manifest import MANIFEST, SCHEMA, FileEntry, InputEntry, Manifest, SpentEntry, StageEntry
from accord.run.verification import Damage, check_whole, runs_within, verify

__all__ = [
    "LOCK",
    "MANIFEST",
    "SCHEMA",
    "Checkpoint",
    "Damage",
    "FileEntry",
    "FollowedRun",
    "GrowingLog",
    "Holder",
    "InputEntry",
    "Launch",
    "LogMark",
    "Manifest",
    "Retention",
    "RunDirectory",
    "SpentEntry",
    "StageEntry",
    "check_whole",
    "digest_of",
    "digest_of_folder",
    "digest_of_settings",
    "holder_of",
    "launch_of",
    "runs_within",
    "timed",
    "verify",
    "write_whole",
]
