package daemon

import (
	"fmt"

	"receptor/internal/signing"
	"receptor/work"
)

// signWork has the manager of work sign and verify commands, as far as the
// items work-signing and work-verification give keys for that.
func (d *Daemon) signWork(o *work.Options) error {
	if item := d.cfg.WorkSigning; item != nil {
		s, err := signing.NewSigner(*item, d.pkiOptions())
		if err != nil {
			return fmt.Errorf("%s: work-signing: %w", item.Where, err)
		}
		o.Sign = s.Sign
	}
	if item := d.cfg.WorkVerification; item != nil {
		v, err := signing.NewVerifier(*item, d.pkiOptions())
		if err != nil {
			return fmt.Errorf("%s: work-verification: %w", item.Where, err)
		}
		o.Verify = v.Verify
	}
	return nil
}
