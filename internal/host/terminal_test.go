//go:build linux

package host

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// eager is a patience that no test notices; endless is one that none outlives.
const (
	eager   = 20 * time.Millisecond
	endless = time.Hour
)

func startShell(t *testing.T, p patience, script string) *terminal {
	t.Helper()
	term, err := startTerminal(p, "sh", "-c", script)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := term.Close(); err != nil {
			t.Error(err)
		}
	})
	return term
}

// wantScreen reads all that the command shows.
func wantScreen(t *testing.T, term io.Reader, want string) {
	t.Helper()
	if got, err := io.ReadAll(term); err != nil || string(got) != want {
		t.Errorf("the terminal showed %q (%v), want %q", got, err, want)
	}
}

func typed(t *testing.T, term io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(term, text); err != nil {
		t.Fatal(err)
	}
}

// line reads the next line on the terminal.
func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("after %q: %v", text, err)
	}
	return strings.TrimRight(text, "\r\n")
}

func TestTerminalIsOne(t *testing.T) {
	term := startShell(t, patience{endless, endless, endless}, `stty size; echo $TERM; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo ours > /dev/tty`)
	wantScreen(t, term, "24 80\r\nxterm\r\nours\r\n")
}

// However little or much a command writes last, all of it can be read.
func TestTerminalDeliversAllOutput(t *testing.T) {
	for i := range 50 {
		term := startShell(t, patience{endless, endless, endless}, fmt.Sprintf("printf %d", i))
		<-term.gone // long before anybody reads
		wantScreen(t, term, fmt.Sprint(i))
	}
	term := startShell(t, patience{endless, endless, endless}, "seq 100000")
	r := bufio.NewReader(term)
	for i := range 100000 {
		if got, want := line(t, r), fmt.Sprint(i+1); got != want {
			t.Fatalf("line %q, want %q", got, want)
		}
	}
	wantScreen(t, r, "")
}

func TestTerminalTakesTheEndOfInput(t *testing.T) {
	term := startShell(t, patience{endless, endless, endless}, "stty -echo; echo ready; cat; echo end")
	r := bufio.NewReader(term)
	line(t, r)
	typed(t, term, "one\ntw")
	if err := term.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	wantScreen(t, r, "one\r\ntwend\r\n")
	<-term.Context().Done()
	<-term.gone
	if _, err := term.Write([]byte("x")); err == nil {
		t.Error("a terminal whose command has ended takes input")
	}
}

// Each shell takes an end of input, and one that edits lines by itself may miss
// the first.
func TestTerminalTypesTheEndOfInputAgain(t *testing.T) {
	for script, want := range map[string]string{
		`stty -echo; echo ready; cat; cat; cat; echo end`:                        "end\r\n",
		`stty raw -echo; echo ready; dd bs=1 count=3 2>/dev/null | od -An -t x1`: " 04 04 04\n",
	} {
		term := startShell(t, patience{eager, endless, endless}, script)
		r := bufio.NewReader(term)
		line(t, r)
		if err := term.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		wantScreen(t, r, want)
	}
}

// A command that does not heed the end of its input is hung up on, and what
// does not heed that is killed.
func TestTerminalHangsUpAfterTheEndOfInput(t *testing.T) {
	term := startShell(t, patience{endless, eager, eager}, `trap "" HUP; sleep 1000 & echo $!; exec sleep 1000`)
	child := line(t, bufio.NewReader(term))
	if err := term.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	<-term.gone
	wantGone(t, child)
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", term.cmd.Process.Pid)); err == nil {
		t.Errorf("the command has not been reaped: %s", stat)
	}
}

// Whoever can end when hung up on does, in the foreground and behind.
func TestTerminalThatNobodyReadsHangsUp(t *testing.T) {
	for name, end := range map[string]func(*terminal){
		"abort":       func(term *terminal) { term.Abort("lost") },
		"cancel read": (*terminal).CancelRead,
		"close":       func(term *terminal) { term.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			file := t.TempDir() + "/hup"
			term := startShell(t, patience{endless, endless, endless}, `sleep 1000 & trap "echo $! > `+file+`; exit" HUP; echo ready; while :; do wait; done`)
			line(t, bufio.NewReader(term))
			end(term)
			<-term.gone
			child, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("the command got no SIGHUP: %v", err)
			}
			wantGone(t, strings.TrimSpace(string(child)))
			if _, err := term.Read(make([]byte, 1)); err == nil || err == io.EOF {
				t.Errorf("read after the hang-up: %v, want an error", err)
			}
		})
	}
}

// What a command leaves behind on its terminal ends with it, and holds nothing
// up: neither the end of output nor Close.
func TestTerminalEndsWithItsCommand(t *testing.T) {
	term := startShell(t, patience{endless, endless, eager}, `stty -echo; (trap "" HUP; sh -c 'echo $PPID'; exec sleep 1000) & read x`)
	r := bufio.NewReader(term)
	child := line(t, r)
	typed(t, term, "\n")
	wantScreen(t, r, "")
	<-term.gone
	wantGone(t, child)
}

// A process that leaves the session goes on, but what it writes from then on
// does not keep the terminal.
func TestTerminalLetsGoOfOtherSessions(t *testing.T) {
	term := startShell(t, patience{endless, endless, eager}, `setsid sh -c 'echo $$; exec yes' & read x`)
	r := bufio.NewReader(term)
	child := line(t, r)
	typed(t, term, "\n")
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("read: %v", err)
	}
	if err := term.Close(); err != nil {
		t.Error(err)
	}
	var pid int
	if _, err := fmt.Sscan(child, &pid); err != nil {
		t.Fatal(err)
	}
	_ = unix.Kill(pid, unix.SIGKILL) // it may have noticed that its terminal is gone
}

func TestTerminalOfNoCommand(t *testing.T) {
	_, err := RunOnTerminal("/no/such/program")
	if err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("error %v, want one that names the program", err)
	}
}

func wantGone(t *testing.T, pid string) {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err == nil && !strings.Contains(string(stat), ") Z ") {
		t.Errorf("process %s is still there: %s", pid, stat)
	}
}
