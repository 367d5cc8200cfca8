package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"receptor/sim/check"
)

// browser opens pages in a headless Chromium, if there is one on the machine.
type browser struct {
	*testing.T
	program string
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return browser{t, path}
		}
	}
	t.Skip("no Chromium on this machine: apt-get install chromium")
	return browser{}
}

// open returns the document that a page has become, at a time of the run.
func (b browser) open(page string, at string) string {
	b.Helper()
	dir := b.TempDir()
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--enable-logging=stderr", "--dump-dom", "file://"+path+"#t="+at)
	var problems strings.Builder
	cmd.Stderr = &problems
	dom, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v\n%s", b.program, err, problems.String())
	}
	document := string(dom)
	// What the page logs, such as what its policy forbids, is an error too.
	for line := range strings.Lines(problems.String()) {
		if strings.Contains(line, "CONSOLE") {
			b.Errorf("the page at %s s: %s", at, line)
		}
	}
	if root := element(document, `<html`); strings.Contains(root, "data-error") || !strings.Contains(root, `data-ready="true"`) {
		b.Errorf("the page at %s s is not ready, or has an error: %s", at, root)
	}
	return document
}

// element returns the tag of a document that begins so.
func element(document, beginning string) string {
	_, after, found := strings.Cut(document, beginning)
	if !found {
		return ""
	}
	tag, _, _ := strings.Cut(after, ">")
	return beginning + tag + ">"
}

// text returns what stands in the element with an id.
func text(document, id string) string {
	found := regexp.MustCompile(` id="` + id + `"[^>]*>([^<]*)<`).FindStringSubmatch(document)
	if found == nil {
		return "no element " + id
	}
	return found[1]
}

// count returns how many elements of a class have a state.
func count(document, class, state string) int {
	n := 0
	for _, tag := range regexp.MustCompile(`<[a-z]+ class="`+class+`"[^>]*>`).FindAllString(document, -1) {
		if strings.Contains(tag, ` data-state="`+state+`"`) {
			n++
		}
	}
	return n
}

func TestBrowserShowsTheStateAtATime(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	r := simulate(t, parse(t, broken))
	r.Report.Violations = []check.Violation{{AtSeconds: 20, Node: "n3", Rule: check.RuleRoute, Text: "made up"}}
	page := write(t, r)
	for _, c := range []struct {
		at                               string
		linksUp, linksDown, all, alarmed int
		now, episode                     string
	}{
		{"0", 0, 0, 0, 0, "0.000 s", "start at 0.000 s: not right yet"},
		{"11", 3, 1, 4, 0, "11.000 s", "link loss at 10.000 s: not right yet"},
		{"24.5", 3, 1, 4, 1, "24.500 s", "link loss at 10.000 s: all is right"},
		{"1000", 4, 0, 4, 1, "40.000 s", "heal at 25.000 s: all is right"}, // after the end
	} {
		document := b.open(page, c.at)
		check := func(what string, got, want any) {
			t.Helper()
			if got != want {
				t.Errorf("at %s s: %s: %v, want %v", c.at, what, got, want)
			}
		}
		check("edges up", count(document, "edge", "up"), c.linksUp)
		check("edges down", count(document, "edge", "down"), c.linksDown)
		check("places that reach all", count(document, "place", "all"), c.all)
		check("places with a violation", strings.Count(document, `data-violated="true"`), c.alarmed)
		check("legend, links up", text(document, "link-legend-up"), fmt.Sprint(c.linksUp))
		check("legend, links down", text(document, "link-legend-down"), fmt.Sprint(c.linksDown))
		check("legend, nodes", text(document, "node-legend-all"), fmt.Sprint(c.all))
		check("violations", text(document, "violations-now"), fmt.Sprint(c.alarmed))
		check("now", text(document, "now"), c.now)
		check("episode", text(document, "episode-now"), c.episode)
		if n := strings.Count(document, `class="cursor"`); n != 3 { // no datagrams: no plot of them
			t.Errorf("at %s s: %d plots, want 3", c.at, n)
		}
	}
}

func TestBrowserShowsHostileTextAsText(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	s := parse(t, broken)
	r := simulate(t, s)
	const evil = `<b id="evil">x</b></script><script>document.documentElement.dataset.evil = 'yes'</script>`
	s.Name = evil
	s.Nodes[0].ID = evil
	s.Links[0].From = evil
	document := b.open(write(t, r), "5")
	if strings.Contains(document, `<b id="evil"`) || strings.Contains(element(document, "<html"), "data-evil") {
		t.Error("a text of the scenario has become a part of the page")
	}
}

func TestBrowserShowsALargeMesh(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	document := b.open(write(t, large(t, 10_000)), "11.5")
	if got := text(document, "node-legend-all"); got != "10000" {
		t.Errorf("%s nodes reach all others, want 10000", got)
	}
	if got := strings.Count(document, `class="place"`); got != maxGroups {
		t.Errorf("%d groups are drawn, want %d", got, maxGroups)
	}
}

// driver uses the page as a person does, and throws when it does not answer.
const driver = `<script>
const want = (what, got, wanted) => { if (got !== wanted) throw new Error(what + ' is ' + got + ', want ' + wanted); };
const time = () => Number(root.dataset.time);
const key = (k, target) => (target ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true }));
want('time at first', time(), 5000);
el('next').click();
want('time of the next change', time(), 10000);
want('address', location.hash, '#t=10.000');
key('.');
const second = time();
if (!(second > 10000)) throw new Error('the key . does not go on');
key(',');
want('time after the key ,', time(), 10000);
key('.', el('find'));
want('time after a key in a text', time(), 10000);
el('previous').click();
if (!(time() < 1000)) throw new Error('the change before is at ' + time());
el('time').value = 30000;
el('time').dispatchEvent(new Event('input'));
want('time after the slider', time(), 30000);
want('what the slider says', el('time').getAttribute('aria-valuetext'), '30.000 s of 40.000 s');
el('time').value = el('time').max;
el('time').dispatchEvent(new Event('input'));
want('time at the end of the slider', time(), 40000);
el('find').value = 'n3';
el('find').dispatchEvent(new Event('change'));
want('details', el('details').textContent, 'n3: reaches all others (has routes to 3 of 3 others)');
document.querySelectorAll('.place')[0].dispatchEvent(new MouseEvent('click'));
want('details of the node clicked', el('details').textContent.slice(0, 3), 'n1:');
want('nodes chosen', document.querySelectorAll('[data-chosen=true]').length, 1);
const plot = el('plot-control').getBoundingClientRect();
el('plot-control').dispatchEvent(new MouseEvent('click', { clientX: plot.left + plot.width * 0.53, clientY: plot.top + 5 }));
want('time after a click in the middle of a plot', Math.round(time() / 1000), 20);
el('play').click();
want('the button while it plays', el('play').textContent, 'Pause');
key(' ');
want('the button when it is stopped', el('play').textContent, 'Play');
for (const control of document.querySelectorAll('input, select')) {
  if (control.labels.length !== 1) throw new Error('no label for ' + control.id);
}
root.dataset.driven = 'true';
</script></body>`

func TestBrowserControls(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	page := write(t, simulate(t, parse(t, broken)))
	// The page's policy would not let the driver run.
	policy := element(page, `<meta http-equiv="Content-Security-Policy"`)
	page = strings.Replace(strings.Replace(page, policy, "", 1), "</body>", driver, 1)
	document := b.open(page, "5")
	if root := element(document, "<html"); !strings.Contains(root, `data-driven="true"`) {
		t.Errorf("the page could not be used to the end: %s", root)
	}
}
