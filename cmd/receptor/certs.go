package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"receptor/internal/config"
	"receptor/internal/host"
	"receptor/internal/pki"
	"receptor/transport"
)

// certificates does what the items cert-init, cert-makereq and cert-signreq ask
// for.
func certificates(cfg *config.Config, stdin io.Reader, stdout io.Writer) error {
	answers := bufio.NewReader(stdin) // one for all questions: it reads ahead
	return pki.Issuer{
		ReadFile:    os.ReadFile,
		WriteFile:   host.WriteFile,
		WriteSecret: host.WriteSecret,
		Now:         transport.System.Now,
		Confirm: func(question string) (string, error) {
			if _, err := fmt.Fprint(stdout, question); err != nil {
				return "", err
			}
			answer, err := answers.ReadString('\n')
			if errors.Is(err, io.EOF) && answer == "" {
				return "", errors.New("the input ended without an answer: want yes or no")
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return answer, err
		},
	}.Run(cfg)
}
