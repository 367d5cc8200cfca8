// Package host is what a node gets from the operating system: the file system
// and the processes for units of work, Unix sockets, and facts about the
// machine. Nothing above it touches those; cmd/receptor hands them in.
//
// Commands of units run on Linux only. Elsewhere a unit of that kind fails with
// a Detail that says so, and a node does everything else.
//
// # Supervisors
//
// The command of a unit runs under a supervisor: this very program, started as
// "receptor supervise DIRECTORY COMMAND ARGUMENTS…" in a session of its own,
// so that it outlives the daemon. A supervisor
//
//   - claims the unit, by a line with its process ID in the unit's status file,
//     synced, and keeps a lock on that file until it has ended, or is through
//     with the unit: without the lock it has, whatever process has that ID by
//     now;
//   - runs the command in a process group of its own, with stdin from the
//     unit's stdin file, and stdout and stderr appended to its stdout file, or
//     to one each; with a limit on the output, or space that it must leave free,
//     it reads that from pipes and stores it itself;
//   - writes the status when the command has run for a moment (work.RunningAfter),
//     and when it has ended.
//
// To start a supervisor costs several times what it does for a short command. So
// one that is through with a unit says so to the daemon that has started it, over a
// socket, and takes another from there, for half a minute; up to eight wait so. Each
// has one unit at a time, so nothing of what is said here is another: it ends once
// nothing of its unit is left if that daemon has ended, and if it was sent a signal.
//
// The daemon learns of a new status from inotify, by one watch for all units: a
// supervisor touches its unit's directory. Output is watched, unit by unit, while
// somebody reads it. A node without units makes no instance of inotify, and where
// none can be had, units that run are looked at every second. The end of a supervisor shows on its socket, and of one that
// another daemon has started by its pidfd; one goroutine waits for all of them.
//
// When the command exits, the unit has ended. Processes that it leaves running
// in the background go on, as they do under deployed nodes; what they write
// from then on is no output of the unit any more. Their supervisor stays until
// the last of them is gone, for the release of a unit, which leaves nothing
// running, and for who cancels it all the same.
//
// To cancel a unit is to end them all, the command and whatever descends from
// it, also in groups and sessions of its own: SIGINT first; SIGTERM once the
// command is gone or after 5 s; SIGKILL another 5 s later, and again every
// second while any is left. If the supervisor is killed, the command is killed
// with it, and the daemon then kills what else of the unit still runs; it knows
// such processes by the variable RECEPTOR_UNIT_DIR in their environment.
//
// # Process 1
//
// In a container the daemon runs below a process of this program that waits for
// orphans (InitMain).
package host
