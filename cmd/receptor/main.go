// Command receptor runs a node of a receptor mesh.
//
// Exit codes: 0 after a clean stop or when certificates are made, 1 if the node
// could not start or had to stop, or a certificate could not be made, 2 if the configuration or the command line is wrong.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"receptor/internal/completion"
	"receptor/internal/config"
	"receptor/internal/host"
	"receptor/internal/version"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(host.SuperviseMain(os.Args[2:]))
	}
	if host.IsInit() {
		os.Exit(host.InitMain())
	}
	if len(os.Args) > 1 && os.Args[1] == "convert" {
		os.Exit(convert(os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == completion.Command {
		os.Exit(complete(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

const convertUsage = `Usage: receptor convert FILE

Prints a configuration file of version 1 in version 2, and the other way round. Comments are lost.
Exit codes: 0 when it is printed, 1 if it could not be, 2 if the file is wrong.
`

// convert prints a configuration file in the other of its two versions.
func convert(args []string, stdout, stderr io.Writer) int {
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		fmt.Fprint(stdout, convertUsage)
		return 0
	}
	if len(args) != 1 || strings.HasPrefix(args[0], "-") {
		fmt.Fprintln(stderr, "receptor: convert takes one file: want receptor convert FILE")
		return exitUsage
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return complain(stderr, exitUsage, err)
	}
	converted, err := config.Convert(args[0], data)
	if err != nil {
		return complain(stderr, exitUsage, err)
	}
	if _, err := stdout.Write(converted); err != nil {
		return complain(stderr, exitFailed, err)
	}
	return 0
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	cl, err := config.ParseArgs(args)
	if err != nil {
		return complain(stderr, exitUsage, err)
	}
	switch {
	case cl.Help:
		config.Usage(stdout)
		fmt.Fprint(stdout, "\nExit codes: 0 after a clean stop or when certificates are made, 1 if the node could not start or\nhad to stop, or a certificate could not be made, 2 if the configuration or the command line is wrong.\n")
		return 0
	case cl.Version:
		fmt.Fprintln(stdout, version.Version)
		return 0
	}
	cfg, err := cl.Config(os.ReadFile, os.Hostname)
	if err != nil {
		complain(stderr, exitUsage, err)
		if len(args) == 0 {
			fmt.Fprintln(stderr, "receptor: see receptor --help")
		}
		return exitUsage
	}
	if cl.Check {
		fmt.Fprintf(stdout, "%s: the configuration is valid\n", cmp.Or(strings.Join(cl.Files(), ", "), "command line"))
		return 0
	}
	if cfg.MakesCertificates() {
		err = certificates(cfg, stdin, stdout)
	} else {
		err = serve(cl, cfg, stdout)
	}
	if err != nil {
		return complain(stderr, exitFailed, err)
	}
	return 0
}

// complain prints each of several joined errors on a line of its own.
func complain(stderr io.Writer, code int, err error) int {
	var all interface{ Unwrap() []error }
	if errors.As(err, &all) && err == all.(error) {
		for _, err := range all.Unwrap() {
			complain(stderr, code, err)
		}
		return code
	}
	fmt.Fprintf(stderr, "receptor: %v\n", err)
	return code
}
