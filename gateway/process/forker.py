"""The forker: a process that has loaded the program once, and forks every worker and every reader from itself.

The supervisor forks it before any thread runs, since a fork takes along the locks that other threads hold. A worker so
starts without loading the program, shares the program's memory, and is of the same version as its supervisor, also
after the files of the program were replaced. The forker reads no configuration and no key: each worker gets its
commission from the supervisor, on the line of its orders. A reader, which reads the configuration for one reload, gets
its task in the same way; a gateway with one worker has a forker for readers alone.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import selectors
import signal
import socket
import struct
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from gateway.process.descriptors import raise_file_limit
from gateway.process.reader import serve_one
from gateway.process.worker import ListeningSockets
from gateway.process.worker_process import Commission, make_ready, work

UNKNOWN = 255
"""The exit code of a worker whose code nobody could tell."""
_TELLS = 5.0
"""Seconds that the forker has to tell the code of a worker that has ended."""
_FORKS = 120.0
"""Seconds that the forker has to fork: a new one loads the program first."""
_NUMBER = struct.Struct("=q")
_MOST_DESCRIPTORS = 4
"""The line of orders, the line of the exit code, and two listening sockets."""
_WORKER, _READER = b"w", b"r"
"""The words for the process that is wanted."""
_FIRST_OF_OURS = 3
"""The first descriptor after the standard ones."""


# --- the supervisor's side -----------------------------------------------------------


class ForkedWorker:
    """One worker process, as the supervisor holds it: a child of the forker."""

    def __init__(self, pid: int, line: socket.socket) -> None:
        self.exitcode: int | None = None
        """Its exit code once `join` has taken it: negative, the number of the signal that ended it."""
        self._pid = pid
        self._line = line
        self._handle = _open_process(pid)
        self.sentinel = line.fileno() if self._handle is None else self._handle
        """Readable once the process has ended."""

    def kill(self) -> None:
        """End it at once, unless its end is known."""
        if self.exitcode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if self._handle is None:
                os.kill(self._pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def join(self) -> None:
        """Take its exit code, once the sentinel is readable."""
        code = UNKNOWN
        with self._line, contextlib.suppress(OSError):
            if said := self._line.recv(_NUMBER.size):
                (code,) = _NUMBER.unpack(said)
            else:
                # The forker is gone. Without a handle, that is all we know: the worker may still be alive.
                self.kill()
        self.exitcode = code
        if self._handle is not None:
            os.close(self._handle)


def _open_process(pid: int) -> int | None:
    """Return a handle of a process; `None` where the kernel has none (before Linux 5.3), or the process is gone."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


class Forker:
    """The supervisor's end of the line to the forker."""

    def __init__(self, line: socket.socket, pid: int | None) -> None:
        self._line = line
        self._pid = pid
        """Our child, until it has been awaited; `None` for a program of its own, which ends with the line."""
        self._forking = threading.Lock()

    def fork(self, commission: Commission, listening_sockets: ListeningSockets) -> tuple[ForkedWorker, socket.socket]:
        """Fork a worker; return it, and the line of its orders. It blocks: call it in a thread.

        Raises:
            OSError: the system has no process or descriptor for it now.

        """
        worker, orders = self._fork_any(_WORKER, listening_sockets.every)
        # A worker that is gone already shows by its sentinel.
        with contextlib.suppress(ConnectionError), Connection(os.dup(orders.fileno())) as line:
            line.send(commission)
        return worker, orders

    def fork_reader(self) -> tuple[ForkedWorker, socket.socket]:
        """Fork a reader; return it, and the line of its task. It blocks: call it in a thread.

        Raises:
            OSError: as above.

        """
        return self._fork_any(_READER, ())

    def _fork_any(self, kind: bytes, listening: tuple[socket.socket, ...]) -> tuple[ForkedWorker, socket.socket]:
        with self._forking:
            try:
                return self._fork(kind, listening)
            except (ConnectionError, EOFError):
                # Something has ended the forker. We have threads by now, so the next one is a program of its own.
                self.close()
                self._line = _spawn()
                return self._fork(kind, listening)

    def _fork(self, kind: bytes, listening: tuple[socket.socket, ...]) -> tuple[ForkedWorker, socket.socket]:
        orders, theirs = socket.socketpair()
        code, told = socket.socketpair()
        try:
            with theirs, told:
                every = (theirs, told, *listening)
                socket.send_fds(self._line, [kind], [each.fileno() for each in every])
            code.settimeout(_FORKS)
            pid = _pid(code.recv(_NUMBER.size))
        except BaseException:
            orders.close()
            code.close()
            raise
        code.settimeout(_TELLS)
        return ForkedWorker(pid, code), orders

    def close(self) -> None:
        """End the forker; a second time does nothing."""
        self._line.close()
        if self._pid is not None:
            # It has nothing to lose, and it may be stopped.
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = None


def _pid(said: bytes) -> int:
    """Read the forker's answer: a process, or the error that the system gave for it."""
    if not said:
        raise EOFError
    pid: int
    (pid,) = _NUMBER.unpack(said)
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    return pid


def _spawn() -> socket.socket:
    """Start a forker as a program of its own; return our end of the line to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        multiprocessing.get_context("spawn").Process(target=_be_spawned, args=(theirs,), daemon=True).start()
    return ours


def fork_forker() -> Forker | int:
    """Fork the forker, before this process has a thread; return it to the supervisor.

    In a worker it returns the exit code, once that worker has ended: the worker leaves the program as any other does.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for stream in (sys.stdout, sys.stderr):
        # A parent that has closed the descriptor leaves no stream.
        if stream is not None:
            stream.flush()
    # A collection would write to the memory that supervisor, forker and workers share.
    gc.freeze()
    if pid := os.fork():
        theirs.close()
        return Forker(ours, pid)
    return _be_forker(theirs)


# --- the forker's side ---------------------------------------------------------------


def _be_spawned(line: socket.socket) -> None:
    gc.freeze()
    sys.exit(_be_forker(line))


def _be_forker(line: socket.socket) -> int:
    """Fork workers until the supervisor is gone; in each worker, return its exit code."""
    _name_process("sekisho-forker")
    # The supervisor alone decides what a signal means. The service manager may send one to every process.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    _keep_only(line.fileno())
    raise_file_limit()
    children: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(line, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.fd in children:
                    pid, told = children.pop(key.fd)
                    waiting.unregister(key.fd)
                    os.close(key.fd)
                    _tell(told, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                    told.close()
                    continue
                said, numbers, _, _ = socket.recv_fds(line, 1, _MOST_DESCRIPTORS)
                if not said:
                    # It shares what the supervisor has open: nothing of that is this process's to flush or to end.
                    os._exit(0)
                # With the first order: a gateway of one worker gives none.
                make_ready()
                orders, told, *listening = (socket.socket(fileno=number) for number in numbers)
                alive, held = os.pipe()
                try:
                    pid = os.fork()
                except OSError as error:
                    _tell(told, -(error.errno or 1))
                    for each in (orders, told, *listening):
                        each.close()
                    os.close(alive)
                    os.close(held)
                    continue
                if not pid:
                    return _be_worker(orders, listening, held) if said == _WORKER else _be_reader(orders, held)
                for each in (orders, *listening):
                    each.close()
                os.close(held)
                waiting.register(alive, selectors.EVENT_READ)
                children[alive] = (pid, told)
                _tell(told, pid)


def _be_worker(orders: socket.socket, listening: list[socket.socket], held: int) -> int:
    """Serve as one worker; return its exit code. `held` stays open for as long as this process lives."""
    _name_process("sekisho-worker")
    _keep_only(orders.fileno(), held, *(each.fileno() for each in listening))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with Connection(os.dup(orders.fileno())) as line:
        try:
            commission: Commission = line.recv()
        except EOFError:
            # The supervisor is gone.
            return 0
    return work(commission, orders, ListeningSockets(listening[0], listening[1] if listening[1:] else None))


def _be_reader(line: socket.socket, held: int) -> NoReturn:
    """Read a configuration for the process at the other end of the line, and end at once."""
    _name_process("sekisho-reader")
    _keep_only(line.fileno(), held)
    # Standard error may be a pipe that nobody reads, and a reader has nothing to say there.
    with Path(os.devnull).open("r+b") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    with line:
        serve_one(line)
    # To take all its objects apart would cost more than the reading, and a reader has little of a busy machine.
    os._exit(0)


def _name_process(name: str) -> None:
    """Name this process for `ps` and `top`, where the kernel permits it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")


def _keep_only(*numbers: int) -> None:
    """Close every descriptor but the standard ones and these."""
    start = _FIRST_OF_OURS
    for number in sorted(numbers):
        os.closerange(start, number)
        start = number + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))


def _tell(line: socket.socket, number: int) -> None:
    """Tell the supervisor a number; it may be gone."""
    with contextlib.suppress(ConnectionError):
        line.send(_NUMBER.pack(number))
