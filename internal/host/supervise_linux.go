package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"receptor/work"
)

// Exit codes of a supervisor.
const (
	exitUsage    = 2
	exitClaimed  = 3 // another supervisor was first
	exitNoClaim  = 4 // it could not claim the unit
	exitNoResult = 5 // it could not write the result
)

// describeExit tells a person how a supervisor has ended.
func describeExit(state *os.ProcessState) string {
	switch state.ExitCode() {
	case exitNoClaim:
		return "it could not claim the unit's directory"
	case exitNoResult:
		return "it could not write the result"
	}
	return state.String()
}

// SuperviseMain is the main function of a supervisor; see the package comment.
// Its arguments are those after "supervise": options, a unit's directory, a
// command and the command's arguments. It returns the exit code of the process.
func SuperviseMain(args []string) int {
	job, more, ok := parseJob(args)
	if !ok {
		fmt.Fprintln(os.Stderr, "supervise needs the directory of a unit and a command; the daemon starts it, not you")
		return exitUsage
	}
	var line *jobLine
	if more {
		line = openLine()
	}
	// The command is killed when the thread that has started it ends.
	runtime.LockOSThread()
	// What this process does it does in turn: a second processor would only be woken
	// for nothing.
	runtime.GOMAXPROCS(1)
	for {
		code, told := supervise(job)
		if code != 0 || told || !more {
			return code
		}
		if job, ok = line.next(); !ok {
			return 0
		}
	}
}

// supervise runs a unit. It returns the exit code, and whether this process was
// told to end.
func supervise(job work.Job) (code int, told bool) {
	// Once the unit is claimed no signal may end this process by accident.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	u := &unitRun{job: job, signals: signals}
	code = u.supervise()
	signal.Stop(signals)
	return code, u.told || len(signals) > 0
}

// supervise claims the unit and runs it.
func (u *unitRun) supervise() (code int) {
	held, err := takeClaim(u.job.Dir)
	switch {
	case errors.Is(err, errClaimed):
		return exitClaimed
	case err != nil:
		return exitNoClaim
	}
	defer held.Close()
	u.held = held
	if u.status, err = work.ReadStatus(FS{}, u.job.Dir); err != nil {
		return exitNoClaim
	}
	if u.status.State.Terminal() {
		return 0 // it was cancelled before this process came to it
	}
	if err := u.run(); err != nil {
		return exitNoResult
	}
	u.done()
	return 0
}

// jobLine is the line to the daemon, by which further jobs come.
type jobLine struct {
	file *os.File
	jobs *json.Decoder
}

func openLine() *jobLine {
	unix.CloseOnExec(lineFile) // it is no command's
	file := os.NewFile(lineFile, "line to the daemon")
	return &jobLine{file: file, jobs: json.NewDecoder(file)}
}

// next tells the daemon that the unit is over, and waits for another. There is
// none if the daemon has ended, or does not need this process any more.
func (l *jobLine) next() (job work.Job, ok bool) {
	if _, err := l.file.Write([]byte{'\n'}); err != nil {
		return job, false
	}
	err := l.jobs.Decode(&job)
	return job, err == nil
}

// jobArgs are the arguments of the supervisor of a job that describe this;
// parseJob reads them.
func jobArgs(job work.Job) []string {
	var args []string
	if job.MaxOutput > 0 {
		args = append(args, maxOutputOption+strconv.FormatInt(job.MaxOutput, 10))
	}
	if job.MinFree > 0 {
		args = append(args, minFreeOption+strconv.FormatInt(job.MinFree, 10))
	}
	if job.SeparateStderr {
		args = append(args, separateOption)
	}
	return append(append(args, job.Dir, job.Command), job.Args...)
}

// Options of supervisors. What follows the directory is the command's.
const (
	maxOutputOption = "--maxoutput="
	minFreeOption   = "--minfreespace="
	separateOption  = "--stderr=separate"
	lineOption      = "--line" // further jobs come by lineFile
)

func parseJob(args []string) (job work.Job, more, ok bool) {
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		limit, isLimit := strings.CutPrefix(args[0], maxOutputOption)
		free, isFree := strings.CutPrefix(args[0], minFreeOption)
		var err error
		switch {
		case isLimit:
			job.MaxOutput, err = strconv.ParseInt(limit, 10, 64)
		case isFree:
			job.MinFree, err = strconv.ParseInt(free, 10, 64)
		case args[0] == separateOption:
			job.SeparateStderr = true
		case args[0] == lineOption:
			more = true
		default:
			return job, false, false
		}
		if err != nil || job.MaxOutput < 0 || job.MinFree < 0 {
			return job, false, false
		}
		args = args[1:]
	}
	if len(args) < 2 {
		return job, false, false
	}
	job.Dir, job.Command, job.Args = args[0], args[1], args[2:]
	return job, more, true
}

// unitRun is the run of a unit's command.
type unitRun struct {
	job     work.Job
	held    *os.File // the claim
	marked  bool     // as done
	status  work.Status
	tree    *tree
	output  *unitOutput
	signals <-chan os.Signal // that ask to end the unit
	told    bool             // one of them has come
}

// run runs the command to its end, writes the result, and stays until none of
// the unit's processes is left. An error means that the result could not be
// written.
func (u *unitRun) run() error {
	t, err := u.start()
	if err != nil {
		u.tree = noTree()
		u.result(work.Failed, fmt.Sprintf("Error starting command: %v", err))
		return u.outlast(u.tree)
	}
	u.tree = t
	defer t.close()
	defer u.output.close()
	u.result(u.await(t))
	return u.outlast(t)
}

// running says in the status that the command runs.
func (u *unitRun) running(t *tree) {
	var extra work.CommandExtra
	// The daemon wrote it; what cannot be read is not worth a failure now.
	_ = json.Unmarshal(u.status.ExtraData, &extra)
	extra.Pid = os.Getpid()
	u.status.State = work.Running
	u.status.Detail = fmt.Sprintf("Running: PID %d", t.command)
	if b, err := json.Marshal(extra); err == nil {
		u.status.ExtraData = b
	}
	// If the disk is full now it may not be when the result is there.
	_ = u.writeStatus()
}

// start starts the command. Orphans of its processes become children of this
// process.
func (u *unitRun) start() (*tree, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the parent of orphans: %w", err)
	}
	stdin, err := os.Open(filepath.Join(u.job.Dir, work.StdinFile))
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	output, err := openOutput(u.job)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(u.job.Command, u.job.Args...)
	cmd.Stdin = stdin
	cmd.Stdout, cmd.Stderr = output.ends()
	cmd.Env = append(os.Environ(), unitVariable+"="+u.job.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		output.close()
		return nil, err
	}
	output.started()
	u.output = output
	t := newTree(cmd.Process.Pid)
	_ = cmd.Process.Release() // the tree waits for it
	return t, nil
}

// await returns the state and detail in which the unit ends: when the command
// has ended, or, once cancelled, when the last of its processes has.
func (u *unitRun) await(t *tree) (work.State, string) {
	over := u.output.over
	running := time.NewTimer(work.RunningAfter)
	defer running.Stop()
	for {
		select {
		case <-running.C:
			u.running(t)
		case <-over:
			over = nil
			t.kill()
		case d := <-t.deaths:
			gone := t.died(d)
			switch {
			case d.pid == t.command && !t.ending.Begun():
				return outcome(d.status)
			case gone:
				return work.Canceled, "Canceled"
			}
		case <-u.signals:
			u.told = true
			t.end()
		case <-t.timer.C:
			t.next()
		}
	}
}

// Pauses before a result is written again that the disk has not taken. Only tests
// change them.
var resultFirst, resultLast = time.Second, time.Minute

// outlast writes the result and returns when no process of the unit is left. What
// the command has left in the background goes on until then, or until this process
// is told to end it. Nobody else knows the result: if the disk does not take it,
// that is tried again until then, too.
func (u *unitRun) outlast(t *tree) error {
	err := u.writeStatus()
	pause := resultFirst
	retry := time.NewTimer(pause)
	defer retry.Stop()
	for !t.gone || mayPass(err) && !u.told {
		select {
		case d := <-t.deaths:
			t.died(d)
		case <-u.signals:
			u.told = true
			if !t.gone {
				t.end()
			}
		case <-t.timer.C:
			t.next()
		case <-retry.C:
			if mayPass(err) {
				err = u.writeStatus()
			}
			pause = min(2*pause, resultLast)
			retry.Reset(pause)
		}
	}
	return err
}

// mayPass tells of an error of writing a status that may not be for good: the unit
// is there, and is not complete.
func mayPass(err error) bool {
	return err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, work.ErrTerminal)
}

// outcome is what a unit is when its command has ended in that way.
func outcome(status syscall.WaitStatus) (work.State, string) {
	switch {
	case status.Signaled() && status.CoreDump():
		return work.Failed, fmt.Sprintf("signal: %v (core dumped)", status.Signal())
	case status.Signaled():
		return work.Failed, fmt.Sprintf("signal: %v", status.Signal())
	case status.ExitStatus() != 0:
		return work.Failed, fmt.Sprintf("exit status %d", status.ExitStatus())
	}
	return work.Succeeded, "exit status 0"
}

// result makes the status terminal. The output is safe before that says how long
// it is.
func (u *unitRun) result(state work.State, detail string) {
	u.status.State, u.status.Detail, u.status.ExtraData = state, detail, nil
	if u.output == nil {
		return
	}
	stdout, stderr, failure := u.output.finish()
	u.status.StdoutSize = stdout
	if u.job.SeparateStderr {
		u.status.StderrSize = stderr
	}
	if failure != "" {
		u.status.State, u.status.Detail = work.Failed, failure
	}
}

func (u *unitRun) writeStatus() error {
	next := u.status
	next.Version++
	if err := work.WriteStatus(FS{}, u.job.Dir, next); err != nil {
		return err
	}
	u.status = next
	if next.State.Terminal() && u.tree.gone {
		u.done() // before the daemon looks
	}
	touch(u.job.Dir)
	return nil
}

// done says in the claim that the unit is complete, and no process of it left.
func (u *unitRun) done() {
	if !u.marked {
		markDone(u.held)
		u.marked = true
	}
}
