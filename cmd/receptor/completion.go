package main

import (
	"io"

	"receptor/internal/completion"
	"receptor/internal/config"
)

// complete carries out the subcommand that makes a shell complete the others,
// items and parameters.
func complete(args []string, stdout, stderr io.Writer) int {
	if err := completion.Run(stdout, "receptor", args, completeWord); err != nil {
		return complain(stderr, exitUsage, err)
	}
	return 0
}

func completeWord(before []string, word string) completion.Answer {
	switch {
	case len(before) == 0:
		a := config.Complete(before, word)
		return completion.Answer{Candidates: append(a.Candidates,
			completion.Candidate{Value: "convert", About: "print a configuration file in its other version"},
			completion.Candidate{Value: completion.Command, About: "print a script for a shell"}), Files: a.Files, FilesAfter: a.FilesAfter}
	case before[0] == "convert":
		return completion.Answer{Files: len(before) == 1}
	case before[0] == completion.Command:
		return completion.Of(completion.Shells...)
	}
	return config.Complete(before, word)
}
