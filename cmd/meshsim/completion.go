package main

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/pflag"

	"receptor/internal/completion"
	"receptor/sim"
	"receptor/sim/full"
	"receptor/sim/graphfile"
	"receptor/sim/scenario"
)

// commands are those that the shell completes, with what they do.
var commands = []completion.Candidate{
	{Value: "run", About: "run a scenario"},
	{Value: "check", About: "run scenarios with many seeds and faults drawn from them"},
	{Value: "gen", About: "print a scenario with a generated topology"},
	{Value: "import", About: "print a scenario made of a graph file"},
	{Value: completion.Command, About: "print a script for a shell"},
	{Value: "--version", About: "print the version"},
	{Value: "--help", About: "print the help"},
}

// completion is the command that prints a script for a shell.
func (a app) completion(args []string) error {
	return completion.Run(a.stdout, "meshsim", args, func(before []string, word string) completion.Answer {
		if len(before) == 0 {
			return completion.Answer{Candidates: commands}
		}
		command := before[0]
		if command == completion.Command {
			return completion.Of(completion.Shells...)
		}
		flags := a.flagsOf(command)
		if flags == nil {
			return completion.Answer{}
		}
		line := completion.Line{Flags: flags, Value: valuesOf, Args: func(before []string) completion.Answer {
			switch {
			case command != "gen":
				return completion.Answer{Files: true}
			case len(before) == 0:
				return kinds()
			}
			return completion.Answer{}
		}}
		return line.Complete(before[1:], word)
	})
}

// flagsOf returns the flags of a command, or nil: a command that is asked for
// help has registered them, and does nothing else.
func (a app) flagsOf(command string) (flags *pflag.FlagSet) {
	if !slices.ContainsFunc(commands, func(c completion.Candidate) bool { return c.Value == command }) {
		return nil
	}
	quiet := app{
		stdout: io.Discard, stderr: io.Discard, terminal: a.terminal, wall: a.wall,
		flagged: func(f *pflag.FlagSet) { flags = f },
	}
	quiet.main(context.Background(), []string{command, "--help"})
	return flags
}

func kinds() completion.Answer {
	var names []string
	for _, k := range scenario.Kinds() {
		names = append(names, string(k))
	}
	return completion.Of(names...)
}

// valuesOf answers what a flag may be.
func valuesOf(flag, _ string) completion.Answer {
	switch flag {
	case "engine":
		return completion.Of(sim.EngineCore, full.Engine)
	case "backend":
		return completion.Of(string(scenario.TCP), string(scenario.UDP))
	case "format":
		var names []string
		for _, f := range graphfile.Formats() {
			names = append(names, string(f))
		}
		return completion.Of(names...)
	}
	return completion.Answer{}
}
