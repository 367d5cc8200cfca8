package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"receptor/internal/supervision"
	"receptor/work"
)

// exitUsage is the exit code of a supervisor whose arguments are wrong, beside those of
// supervision.Exit.
const exitUsage = 2

// describeExit tells a person how a supervisor has ended.
func describeExit(state *os.ProcessState) string {
	if text := supervision.Exit(state.ExitCode()).Describe(); text != "" {
		return text
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

// timing is when supervisors act. Only tests change it.
var timing = supervision.DefaultTiming()

// supervise runs a unit. It returns the exit code, and whether this process was
// told to end.
func supervise(job work.Job) (code int, told bool) {
	// Once the unit is claimed no signal may end this process by accident.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	self := &unitHolder{job: job}
	defer self.letGo()
	exit, told := supervision.Supervisor{Job: job, FS: FS{}, Self: self, Told: signals, Timing: timing}.Run(context.Background())
	signal.Stop(signals)
	return int(exit), told || len(signals) > 0
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

// unitHolder is this process while it has a unit.
type unitHolder struct {
	job  work.Job
	held *os.File // the status, by which the claim is held; nil while there is none
}

var _ supervision.Self = (*unitHolder)(nil)

// Pid implements supervision.Self.
func (*unitHolder) Pid() int { return os.Getpid() }

// Claim implements supervision.Self.
func (u *unitHolder) Claim() (s work.Status, err error) {
	u.held, s, err = takeClaim(u.job.Dir, false)
	return s, err
}

func (u *unitHolder) letGo() {
	if u.held != nil {
		u.held.Close()
	}
}

// Changed implements supervision.Self.
func (u *unitHolder) Changed() { touch(u.job.Dir) }

// Start implements supervision.Self. Orphans of the command's processes become children
// of this process.
func (u *unitHolder) Start(input *[]byte) (supervision.Processes, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the parent of orphans: %w", err)
	}
	stdin, err := openStdin(u.job.Dir, input)
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
	t := newTree(cmd.Process.Pid, output)
	_ = cmd.Process.Release() // the tree waits for it
	return t, nil
}

// openStdin opens what a command reads. What is in no file of the unit gets one in memory:
// commands may look at how long it is, or read it twice.
func openStdin(dir string, input *[]byte) (*os.File, error) {
	if input == nil {
		return os.Open(filepath.Join(dir, work.StdinFile))
	}
	fd, err := unix.MemfdCreate(work.StdinFile, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("keep the stdin in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), work.StdinFile)
	_, err = f.Write(*input)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
