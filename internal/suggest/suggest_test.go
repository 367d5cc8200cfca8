package suggest

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"node", "log-level", "tcp-peer", "tcp-listener", "maxidleconnectiontimeout", "id"}
	tests := map[string]string{
		"nodes": "node", "nod": "node", "noed": "node", "mode": "node", "NODE": "node",
		"loglevel": "log-level", "Log_Level": "log-level", "log-lvel": "log-level",
		"tcp-peers": "tcp-peer", "udp-peer": "", "tcp-server": "", "ws-listener": "", "udp-listener": "",
		"maxidleconectiontimout": "maxidleconnectiontimeout", "max-idle-connection-timeout": "maxidleconnectiontimeout",
		"": "", "tls": "", "zzzz": "",
	}
	for name, want := range tests {
		if got := Nearest(name, known); got != want {
			t.Errorf("nearest to %q is %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "bac", 1},
		{"abc", "acb", 1}, {"abc", "xabc", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}, {"ab", "bca", 3},
	}
	for _, test := range tests {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance of %q and %q is %d, want %d", test.a, test.b, got, test.want)
		}
		if got := distance(test.b, test.a); got != test.want {
			t.Errorf("distance of %q and %q is %d, want %d", test.b, test.a, got, test.want)
		}
	}
}
