package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"receptor/internal/config"
	"receptor/internal/pki"
)

// tlsOptions say how to talk TLS: by a tls-client item of a node's
// configuration file, or by options of their own.
type tlsOptions struct {
	config   string // file of a node
	client   string // name of an item in it
	rootCAs  string
	key      string
	cert     string
	insecure optionalBool
}

// optionalBool is an option that may stand alone or have a value.
type optionalBool struct{ value, given bool }

func (b *optionalBool) String() string { return strconv.FormatBool(b.value) }
func (b *optionalBool) Type() string   { return "bool" }

func (b *optionalBool) Set(s string) error {
	value, err := strconv.ParseBool(strings.ToLower(s))
	if err != nil {
		return fmt.Errorf("%q should be true or false", s)
	}
	b.value, b.given = value, true
	return nil
}

func (o *tlsOptions) register(flags *pflag.FlagSet) {
	flags.StringVarP(&o.config, "config", "c", "", "Configuration `FILE` of a node, to take the TLS client of --tls-client from, for tls:// [env RECEPTORCTL_CONFIG]")
	flags.StringVar(&o.client, "tls-client", "", "`NAME` of a tls-client in the file of --config [env RECEPTORCTL_TLSCLIENT]")
	flags.StringVar(&o.rootCAs, "rootcas", "", "`FILE` with the CA certificates to trust instead of the system's, for tls://")
	flags.StringVar(&o.key, "key", "", "`FILE` with the private key of the client certificate, for tls://")
	flags.StringVar(&o.cert, "cert", "", "`FILE` with the client certificate, for tls://")
	flags.Var(&o.insecure, insecureOption, "Accept any certificate of the node, for tls://; may be followed by true or false")
	flags.Lookup(insecureOption).NoOptDefVal = "true"
}

const insecureOption = "insecureskipverify"

// parse parses the options before the command and returns what follows. The
// value of --insecureskipverify may be the next argument: that is how the
// Python receptorctl wants it.
func (o *tlsOptions) parse(flags *pflag.FlagSet, args []string) ([]string, error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		rest := flags.Args()
		parsed := args[:len(args)-len(rest)]
		if len(rest) == 0 || len(parsed) == 0 || parsed[len(parsed)-1] != "--"+insecureOption || o.insecure.Set(rest[0]) != nil {
			return rest, nil
		}
		args = rest[1:]
	}
}

// forHost returns the configuration to dial a host with; it is nil if host is
// empty, but options that contradict each other are wrong even then.
func (o *tlsOptions) forHost(host string) (*tls.Config, error) {
	own := o.rootCAs != "" || o.key != "" || o.cert != "" || o.insecure.given
	switch {
	case o.config != "" && own:
		return nil, errors.New("--config names a file with the TLS client to use: give it, or --rootcas, --key, --cert and --insecureskipverify, but not both")
	case o.config != "" && o.client == "":
		return nil, errors.New("--config needs --tls-client: which TLS client of the file?")
	case (o.key == "") != (o.cert == ""):
		return nil, errors.New("--key and --cert need each other")
	case host == "":
		return nil, nil
	}
	item, source := config.TLSClient{RootCAs: o.rootCAs, Cert: o.cert, Key: o.key, InsecureSkipVerify: o.insecure.value}, "--"
	if o.config != "" {
		data, err := os.ReadFile(o.config)
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		if item, err = config.TLSClientNamed(o.config, data, o.client); err != nil {
			return nil, err
		}
		source = item.Where.String() + ": "
	}
	item.SkipReceptorNamesCheck = true // the node that a certificate of ours names may be any
	client, err := pki.NewClient(item, pki.Options{
		ReadFile: os.ReadFile, Now: time.Now, Warn: func(error) {}, // files are read once more for a handshake: no news
	})
	if err != nil {
		return nil, fmt.Errorf("%s%w", source, err)
	}
	return client.HostConfig(host), nil
}
