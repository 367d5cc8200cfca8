package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"receptor/internal/config"
	"receptor/internal/daemon"
	"receptor/internal/host"
	"receptor/transport"
)

// serve runs the node until SIGTERM or SIGINT, or until it fails. SIGHUP reloads
// the files of the command line.
func serve(cl *config.CommandLine, cfg *config.Config, stdout io.Writer) error {
	stop, hangup := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(stop)
	defer signal.Stop(hangup)
	processes, err := host.NewProcesses()
	if err != nil {
		return err
	}
	defer processes.Close()
	log := daemon.NewLog(stdout, transport.System, cfg.LogLevel)
	machine := host.Machine(processes)
	if len(cl.Files()) > 0 {
		machine.Reload = func() (*config.Config, error) { return cl.Config(os.ReadFile, os.Hostname) }
	}
	d, err := daemon.Start(cfg, machine, log)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		select {
		case <-hangup:
			_ = d.Reload() // it has logged why not
		case s := <-stop:
			log.Infof("Received signal %q, stopping", s)
			go func() {
				<-stop
				os.Exit(exitFailed) // a second signal does not wait
			}()
			return nil
		case err := <-d.Failed():
			log.Errorf("%v", err)
			return err
		}
	}
}
