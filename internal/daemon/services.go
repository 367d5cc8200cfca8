package daemon

// service is a running service of the node: what listens for others and is not
// the control protocol, such as a proxy.
type service interface {
	// Serve serves until Close.
	Serve()
	Close()
}

// startServices starts the services of all kinds that the configuration has.
func (d *Daemon) startServices() error {
	for _, start := range []func() error{d.startProxies, d.startCommandServices, d.startIPRouters} {
		if err := start(); err != nil {
			return err
		}
	}
	return nil
}

// startService runs a service until the node is closed. name is for a person.
func (d *Daemon) startService(name string, s service) {
	d.services = append(d.services, s)
	d.serving.Go(s.Serve)
	d.log.Infof("Running %s", name)
}
