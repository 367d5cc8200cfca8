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
	for {
		before := r.onRecord()
		o, dropped := r.trySubmit(ctx, before)
		if !dropped || ctx.Err() != nil {
			o.again = before.SubmitSent
			return o
		}
	}
}

// trySubmit is submit when before is on record. dropped means that a session broke
// which was kept, maybe because the node had dropped it, and that it may be tried
// again.
func (r *remote) trySubmit(ctx context.Context, before RemoteExtra) (o submission, dropped bool) {
	stdin, err := r.m.store.fs.Open(r.stdinPath(), vfs.Read)
	if err != nil {
		return submission{err: err}, false
	}
	defer stdin.Close()
	c, kept, err := r.session(ctx)
	if err != nil {
		return submission{err: err}, false
	}
	o, goesOn := r.submitOver(c, before, stdin)
	if goesOn {
		r.m.sessions.put(r.key(), c)
		return o, false
	}
	c.closeSubmit()
	return o, kept && o.broken && r.onRecord().keyed()
}

// submitOver submits in a session, and reports whether that goes on.
func (r *remote) submitOver(c connection, before RemoteExtra, stdin vfs.File) (o submission, goesOn bool) {
	features, err := r.featuresOf(c)
	if err != nil {
		return submission{err: err}, false
	}
	keyed, err := r.beforeSubmit(slices.Contains(features, FeatureSubmission))
	if err != nil {
		return submission{err: err}, false
	}
	fields := map[string]string{
		"node": r.target.RemoteNode, "worktype": r.target.RemoteWorkType, "tlsclient": r.target.TLSClient,
	}
	maps.Copy(fields, r.target.RemoteParams)
	if keyed {
		mark, err := r.markStdin(stdin)
		if err != nil {
			return submission{err: err}, false
		}
		fields[paramSubmission], fields[paramStdin] = r.submissionKey(), mark.String()
	}
	if keyed && slices.Contains(features, FeatureSession) {
		fields[paramSession] = keepSession
	}
	sub, err := c.client.Submit(fields)
	if err != nil {
		err = r.refused(err)
		var busy *control.RemoteError
		var refused *refusal
		o := submission{sent: !errors.As(err, &busy), err: err}
		o.broken = o.sent && !errors.As(err, &refused)
		return o, false
	}
	if err := r.checkNamed(before, sub); err != nil {
		return submission{sent: true, err: err}, false
	}
	if err := r.named(sub); err != nil {
		return submission{sent: true, err: err}, false
	}
	finish := sub.Finish
	if sub.Sized {
		finish = sub.FinishSized
	}
	_, err = finish(fileReader(stdin, sub.From))
	var refused *control.RemoteError
	ended := c.conn.ended.Load()
	return submission{
		sent: true, inputSent: ended, broken: err != nil && !errors.As(err, &refused), err: r.refused(err),
	}, err == nil && !ended
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
	mark, err := markOf(fileReader(stdin, 0))
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
	if before.SubmitSent && !sub.Resumes {
		// It has made a unit anew. Without the end of its stdin that never starts.
		return errNoKeys
	}
	if err := r.takeName(sub.UnitID); err != nil {
		return err
	}
	if before.RemoteUnitID != "" && before.RemoteUnitID != sub.UnitID {
		r.giveName(before.RemoteUnitID)
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

// featuresOf returns the features of the remote node. Usually its advertisement
// has them; when one of the nodes has just started that may not be here yet, and
// the node is asked. A deployed one answers that with an error.
func (r *remote) featuresOf(c connection) ([]string, error) {
	features, known := r.m.features(r.target.RemoteNode)
	if known {
		return features, nil
	}
	b, err := c.client.DoJSON(map[string]any{"command": "work", "subcommand": "features"})
	var refused *refusal
	err = r.refused(err)
	switch {
	case errors.As(err, &refused):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var answer featuresAnswer
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, fmt.Errorf("node %s tells of its features what cannot be read: %w", r.target.RemoteNode, err)
	}
	return answer.Features, nil
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
