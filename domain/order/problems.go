package order

import "errors"

// maxProblems bounds what one answer complains of.
const maxProblems = 20

// problems collects what is wrong with one input, so that its sender learns all of it at once.
type problems struct{ list []error }

// add notes err unless it is nil.
func (p *problems) add(err error) {
	if err != nil {
		p.list = append(p.list, err)
	}
}

// err returns nil when nothing is wrong, the problem when there is one, else the first of them, joined.
func (p *problems) err() error {
	if len(p.list) == 1 {
		return p.list[0]
	}
	return errors.Join(p.list[:min(len(p.list), maxProblems)]...)
}
