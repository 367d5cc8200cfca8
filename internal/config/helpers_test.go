package config

import (
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// files is a disk of configuration files.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func hostname() (string, error) { return "this-host", nil }

func noHostname() (string, error) { return "", errors.New("no name here") }

// fromArgs is what the daemon makes of its arguments.
func fromArgs(disk files, args ...string) (*Config, error) {
	cl, err := ParseArgs(args)
	if err != nil {
		return nil, err
	}
	return cl.Config(disk.read, hostname)
}

// fromFile is what the daemon makes of a file, alone.
func fromFile(text string) (*Config, error) {
	return fromArgs(files{"r.yml": text}, "--config", "r.yml")
}

// wantProblems compares an error with all its lines, in any order; see TestMistakesAreInOrder.
func wantProblems(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want:\n%s", strings.Join(want, "\n"))
	}
	got := strings.Split(err.Error(), "\n")
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("error:\n%s\nwant, in any order:\n%s", err, strings.Join(want, "\n"))
	}
}

// wantConfig compares configurations; positions are another matter.
func wantConfig(t *testing.T, got *Config, err error, want *Config) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
	if forget(reflect.ValueOf(got)); !reflect.DeepEqual(got, want) {
		t.Errorf("config:\n%+v\nwant:\n%+v", got, want)
	}
}

// forget zeroes all positions in v, and the items of a Config.
func forget(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		forget(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			forget(v.Index(i))
		}
	case reflect.Struct:
		if c, ok := v.Addr().Interface().(*Config); ok {
			c.items = nil
		}
		if v.Type() == reflect.TypeFor[Position]() {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				forget(v.Field(i))
			}
		}
	}
}

// alone is the configuration of a node that says local-only and nothing else.
func alone(change func(*Config)) *Config {
	c := &Config{
		Node:      Node{ID: "this-host", DataDir: "/tmp/receptor", MaxIdleConnectionTimeout: 21e9, MaxPendingRelease: 168 * 3600e9, MinFreeSpace: 10 << 20},
		LogLevel:  Info,
		LocalOnly: true,
	}
	if change != nil {
		change(c)
	}
	return c
}
