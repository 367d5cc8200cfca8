// Package work carries out units of work (PROTOCOL section 5): commands that
// run here under a supervisor of their own, and units that another node runs
// and this one follows.
//
// A Manager owns the units of one node. Each unit is a monitor: its methods
// change it under its lock and publish an immutable snapshot, which readers
// (list, status, results) use without a lock and wait on for the next one.
// What happens to a unit comes in as calls: a control command, a notice from
// the process supervisor (Watcher), the end of an exchange with a remote node,
// or the Manager's one timer. Nothing polls.
//
// The parts, from the bottom:
//
//	state.go    the states and their transitions
//	status.go   what is known of a unit, on disk and in answers
//	statuslog.go
//	            the file that has it, as a log
//	store.go    unit directories on a small file system interface; young.go, those in
//	            the journal
//	process.go  what the package asks of the host's processes
//	submission.go
//	            what a submission says of itself: its key, its stdin
//	keys.go     the keys of submissions, so that none is carried out twice
//	unit.go     the monitor and its snapshots
//	intake.go   the receipt of a unit's stdin
//	types.go    what units of a work type run, and their parameters
//	command.go  units that run a command here; ending.go, when they are to end;
//	            resume.go, after a restart
//	places.go   which of those run, and which wait
//	follow.go   the decisions about a unit on another node: pure, with the time
//	            as an argument
//	outcome.go  what those decisions take in: how exchanges have ended
//	away.go     the same about nodes that cannot be reached
//	remote.go   the monitor that carries those decisions out; output.go, the output
//	            that comes
//	exchange.go what is said to the other node
//	pull.go     the session in which another node tells of its units; pulled.go,
//	            one unit in it; push.go, the same at that node; news.go, what they
//	            say to each other
//	resubmit.go submissions to it, the first and later ones
//	owed.go     releases that wait for a node that is long away
//	manager.go  the table of units, start and close, the timer; advertised.go, what
//	            the node tells the mesh of its work
//	wakeups.go  which units wait for what
//	control.go  the work command of the control protocol, with order.go,
//	            submit.go, results.go and stderr.go
//	signature.go
//	            who may give orders; space.go, whether there is space for more
//	reading.go  output is watched while somebody reads it
//
// A caller must call Start once, after AddType and Register and before any
// command arrives, and Close when no command is being carried out any more.
// Goroutines are started in exchange.go, for each exchange under way with another
// node; in pull.go and push.go, for each session in which units are followed; and
// in control.go, for each stream of results. A unit that is complete has none.
package work
