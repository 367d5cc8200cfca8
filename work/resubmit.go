package work

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"receptor/control"
	"receptor/work/vfs"
)

// closeSubmit closes the session of a submission. The end of a stdin that is not
// all there must not look like one that is.
func (c connection) closeSubmit() {
	if !c.conn.ended.Load() {
		c.conn.Abort("the submission was broken off")
	}
	c.close()
}

// submissionKey is the key by which the remote node knows the unit. Its first parts
// are no secret; with the last one it is a capability, which nobody else has: to
// send stdin, and to cancel or release the unit without its name. A unit that was
// submitted before there were secrets has none.
func (r *remote) submissionKey() string {
	key := r.m.nodeID + "/" + r.id
	if secret := r.load().status.Secret; secret != "" {
		key += "/" + secret
	}
	return key
}

// newSecret draws the secret of a submission: 128 bits in hexadecimal.
func (m *Manager) newSecret() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("%016x%016x", m.rand.Uint64(), m.rand.Uint64())
}

// submit submits the unit with its stdin. When it was submitted before, and the
// remote node knows of that by its key, only what is missing of stdin is sent.
func (r *remote) submit(ctx context.Context) submission {
	before := r.onRecord()
	o := r.trySubmit(ctx, before)
	o.again = before.SubmitSent
	return o
}

// trySubmit is submit when before is on record.
func (r *remote) trySubmit(ctx context.Context, before RemoteExtra) submission {
	stdin, err := r.m.store.fs.Open(r.stdinPath(), vfs.Read)
	if err != nil {
		return submission{err: err}
	}
	defer stdin.Close()
	c, err := r.connect(ctx)
	if err != nil {
		return submission{err: err}
	}
	defer c.closeSubmit()
	keyed, err := r.knowsKeys(c)
	if err != nil {
		return submission{err: err}
	}
	if keyed, err = r.beforeSubmit(keyed); err != nil {
		return submission{err: err}
	}
	fields := map[string]string{
		"node": r.target.RemoteNode, "worktype": r.target.RemoteWorkType, "tlsclient": r.target.TLSClient,
	}
	maps.Copy(fields, r.target.RemoteParams)
	if keyed {
		mark, err := r.markStdin(stdin)
		if err != nil {
			return submission{err: err}
		}
		fields[paramSubmission], fields[paramStdin] = r.submissionKey(), mark.String()
	}
	sub, err := c.client.Submit(fields)
	if err != nil {
		err = r.refused(err)
		var busy *control.RemoteError
		return submission{sent: !errors.As(err, &busy), err: err}
	}
	if err := r.checkNamed(before, sub); err != nil {
		return submission{sent: true, err: err}
	}
	if err := r.named(sub); err != nil {
		return submission{sent: true, err: err}
	}
	_, err = sub.Finish(fileReader(stdin, sub.From))
	return submission{sent: true, inputSent: c.conn.ended.Load(), err: r.refused(err)}
}

// markStdin returns the mark of the whole stdin, which it reads only if it was
// not marked when it came.
func (r *remote) markStdin(stdin vfs.File) (stdinMark, error) {
	r.mu.Lock()
	known := r.mark
	r.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	mark, err := markOf(stdin)
	if err != nil {
		return stdinMark{}, fmt.Errorf("read the stdin of unit %s: %w", r.id, err)
	}
	r.setMark(mark)
	return mark, nil
}

func (r *remote) setMark(mark stdinMark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mark = &mark
}

// checkNamed looks at how the remote node has answered a submission, before it
// gets what would make it start the unit. before is what was on record then.
func (r *remote) checkNamed(before RemoteExtra, sub *control.Submission) error {
	switch {
	case before.SubmitSent && !sub.Resumes:
		// It has made a unit anew. Without the end of its stdin that never starts.
		return errNoKeys
	case before.RemoteUnitID != "" && before.RemoteUnitID != sub.UnitID:
		return &otherUnit{sub.UnitID}
	}
	return nil
}

// named takes in the name that the remote node has given the unit. The end of
// stdin must not be sent before that is on disk: as long as it is not, the unit
// has not started, whatever becomes of the node, its disk, or the key there; once
// it is, another name tells that the unit is lost (docs/work.md, Effectively once).
func (r *remote) named(sub *control.Submission) error {
	r.step(func(time.Time) { r.f.named(sub.UnitID, sub.Resumes) })
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return errStopped
	case r.unsaved != nil && sub.Resumes:
		return &unstored{fmt.Errorf("keep the name that unit %s has on node %s: %w", r.id, r.target.RemoteNode, r.unsaved)}
	}
	r.f.stored()
	r.record()
	return nil
}

// knowsKeys tells whether the remote node knows keys of submissions. Usually its
// advertisement says so; when one of the nodes has just started that may not be
// here yet, and the node is asked. A deployed one answers that with an error.
func (r *remote) knowsKeys(c connection) (bool, error) {
	features, known := r.m.features(r.target.RemoteNode)
	if known {
		return slices.Contains(features, FeatureSubmission), nil
	}
	b, err := c.client.DoJSON(map[string]any{"command": "work", "subcommand": "features"})
	var refused *refusal
	err = r.refused(err)
	switch {
	case errors.As(err, &refused):
		return false, nil
	case err != nil:
		return false, err
	}
	var answer featuresAnswer
	if err := json.Unmarshal(b, &answer); err != nil {
		return false, fmt.Errorf("node %s tells of its features what cannot be read: %w", r.target.RemoteNode, err)
	}
	return slices.Contains(answer.Features, FeatureSubmission), nil
}

// onRecord returns the extra data.
func (r *remote) onRecord() RemoteExtra {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f.extra
}

// beforeSubmit puts on record that the submission may have arrived, and whether
// the remote node will know it by its key. A unit that was submitted before is
// submitted again only with its key: that must have been on record then.
func (r *remote) beforeSubmit(keyed bool) (withKey bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.f.extra
	switch {
	case r.closed:
		return false, errStopped
	case before.SubmitSent && !keyed:
		return false, errNoKeys
	case before.SubmitSent:
		return true, nil
	}
	r.f.extra.SubmitSent, r.f.extra.SubmitKeyed = true, keyed
	if r.record(); r.unsaved != nil {
		r.f.extra = before
		return false, r.unsaved
	}
	return keyed, nil
}
