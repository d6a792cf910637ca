package kafkatest

import "context"

// Open starts a cluster for a program that isn't a test, whatever [Chosen] says, and returns when all its brokers serve; end
// kills them and removes their files. The error says so where Java or Maven is missing.
func Open(ctx context.Context, opts Options) (c *Cluster, end func() error, err error) {
	in, err := shared.installed()
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if c, err = startCluster(ctx, in, opts); err != nil {
		return nil, nil, err
	}
	return c, c.end, nil
}
