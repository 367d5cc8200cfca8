package main

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"receptor/internal/config"
	"receptor/internal/daemon"
	"receptor/internal/host"
	"receptor/transport"
)

// stopTime is how long the end of the node may take. It takes a few seconds at
// most, as long as peers may take to read what is sent last.
const stopTime = 20 * time.Second

// lastLinesTime is how long the program waits at its end for the last lines of the
// log to be taken.
const lastLinesTime = time.Second

// gcPercent is how much garbage may be made before it is collected, in percent
// of what is in use. A node has little in use and makes a frame's worth of
// garbage for each frame, so by Go's default, 100, a stream at full speed would
// collect a hundred times a second (docs/performance.md).
const gcPercent = 400

// collectLessOften sets gcPercent, unless the environment says another.
func collectLessOften(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// signals are those that the node heeds.
type signals struct {
	stop   chan os.Signal
	hangup chan os.Signal
}

func catchSignals() signals {
	s := signals{make(chan os.Signal, 2), make(chan os.Signal, 1)}
	signal.Notify(s.stop, os.Interrupt, syscall.SIGTERM)
	signal.Notify(s.hangup, syscall.SIGHUP)
	return s
}

func (s signals) release() {
	signal.Stop(s.stop)
	signal.Stop(s.hangup)
}

// endStart has a signal to stop end the program at once, until the function that
// it returns is called: a start may have to wait, for the disk or a name server,
// and a crash at any moment must be harmless anyway.
func (s signals) endStart(log *daemon.Log, exit func(code int)) (started func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case sig := <-s.stop:
			log.Infof("Received signal %q while starting: exiting at once", sig)
			exit(0)
		case <-done:
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// serve runs the node until SIGTERM or SIGINT, or until it fails. SIGHUP reloads
// the files of the command line.
func serve(cl *config.CommandLine, cfg *config.Config, stdout io.Writer) error {
	collectLessOften(os.Getenv)
	caught := catchSignals()
	defer caught.release()
	lines := daemon.NewLogQueue(stdout, transport.System)
	defer lines.Close(lastLinesTime)
	exit := func(code int) {
		lines.Close(lastLinesTime)
		os.Exit(code)
	}
	log := daemon.NewLog(lines, transport.System, cfg.LogLevel)
	manager, err := host.NewManager(os.Getenv, os.Getpid())
	if err != nil {
		log.Warningf("Service manager: %v", err)
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name) // commands of units are nothing that it waits for
	}
	processes, err := host.NewProcesses(log.Warningf)
	if err != nil {
		return err
	}
	defer processes.Close()
	if dir := cfg.Node.DataDir; host.InMemory(dir) {
		log.Warningf("%s: node: datadir %s is on a file system in memory: units of work do not survive a restart of the machine, want a directory on a disk",
			cfg.Node.Where, dir)
	}
	if problem := host.Foreign(filepath.Join(cfg.Node.DataDir, cfg.Node.ID)); problem != "" {
		log.Warningf("%s: node: datadir %s is not safe: %s, and whoever can put something else in its place says what the units are, and which files they write: want a directory that is the user's of the node",
			cfg.Node.Where, cfg.Node.DataDir, problem)
	}
	machine := host.Machine(processes)
	if len(cl.Files()) > 0 {
		machine.Reload = func() (*config.Config, error) { return cl.Config(os.ReadFile, os.Hostname) }
	}
	machine.Tracing = tracing(log)
	started := caught.endStart(log, exit)
	d, err := daemon.Start(cfg, machine, log)
	started()
	if err != nil {
		return err
	}
	s := &server{Daemon: d, log: log, manager: manager, clock: transport.System, exit: exit}
	return s.run(caught)
}

// tracing is what the environment asks for.
func tracing(log *daemon.Log) daemon.Tracing {
	t, err := host.Tracing(os.Getenv, func(err error) { log.Warningf("%v", err) })
	if err != nil {
		log.Warningf("%v", err)
	}
	if t.Payload == daemon.MaxPayloadTrace {
		log.Warningf("RECEPTOR_PAYLOAD_TRACE_LEVEL is %d: at log level Debug, the log has all input of units of work, with any secrets in it", t.Payload)
	}
	return t
}

// server is a node that runs, and who is told of it.
type server struct {
	*daemon.Daemon
	log     *daemon.Log
	manager *host.Manager
	clock   transport.Clock
	exit    func(code int)
}

// run heeds signals until the node ends.
func (s *server) run(caught signals) error {
	s.told(s.manager.Ready("Running"))
	alive := make(chan struct{}, 1)
	s.watch(alive)
	for {
		select {
		case <-caught.hangup:
			s.reload()
		case <-alive:
			s.CheckAlive()
			s.told(s.manager.Alive())
			s.watch(alive)
		case sig := <-caught.stop:
			s.log.Infof("Received signal %q, stopping", sig)
			s.end(caught.stop, s.Close)
			return nil
		case err := <-s.Failed():
			s.log.Errorf("%v", err)
			s.end(caught.stop, s.Close)
			return err
		}
	}
}

// watch asks for a sign of life in half the time that the manager waits for one.
func (s *server) watch(alive chan<- struct{}) {
	if wait := s.manager.Watchdog(); wait > 0 {
		s.clock.AfterFunc(wait/2, func() { alive <- struct{}{} })
	}
}

func (s *server) reload() {
	s.told(s.manager.Reloading())
	status := "Running"
	if err := s.Reload(); err != nil {
		status = "Running as before, reload not successful: " + err.Error()
	}
	s.told(s.manager.Ready(status))
}

// end closes the node. A signal meanwhile, or the end of stopTime, ends the
// program at once: units of work go on in any case.
func (s *server) end(stop <-chan os.Signal, closeNode func()) {
	s.told(s.manager.Stopping())
	timer := s.clock.AfterFunc(stopTime, func() {
		s.log.Errorf("The node has not stopped within %v: exiting without", stopTime)
		s.exit(exitFailed)
	})
	ended := make(chan struct{})
	go func() {
		select {
		case sig := <-stop:
			s.log.Warningf("Received signal %q while stopping: exiting at once", sig)
			s.exit(exitFailed)
		case <-ended:
		}
	}()
	closeNode()
	close(ended)
	timer.Stop()
}

// told logs that the service manager could not be told something.
func (s *server) told(err error) {
	if err != nil {
		s.log.Warningf("Service manager: %v", err)
	}
}
