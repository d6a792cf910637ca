package kafkatest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// pollEvery is how often a worker is asked whether something has come to pass.
const pollEvery = 50 * time.Millisecond

// Put gives a distributed worker a connector, or a new configuration for one, as its REST API takes it: an object of settings.
func (c *Connect) Put(ctx context.Context, name string, config json.RawMessage) error {
	return c.until(ctx, "put connector "+name, func(ctx context.Context) error {
		_, err := c.call(ctx, http.MethodPut, "/connectors/"+url.PathEscape(name)+"/config", config)
		return err
	})
}

// Delete ends a connector.
func (c *Connect) Delete(ctx context.Context, name string) error {
	_, err := c.call(ctx, http.MethodDelete, "/connectors/"+url.PathEscape(name), nil)
	return err
}

// AwaitTask waits until the connector's task runs. One that failed ends the waiting with what it said.
func (c *Connect) AwaitTask(ctx context.Context, name string) error {
	return c.until(ctx, "wait for the task of connector "+name, func(ctx context.Context) error {
		text, err := c.call(ctx, http.MethodGet, "/connectors/"+url.PathEscape(name)+"/status", nil)
		if err != nil {
			return err
		}
		var status struct {
			Tasks []struct{ State, Trace string } `json:"tasks"`
		}
		if err := json.Unmarshal(text, &status); err != nil {
			return err
		}
		switch {
		case len(status.Tasks) == 1 && status.Tasks[0].State == "RUNNING":
			return nil
		case len(status.Tasks) == 1 && status.Tasks[0].State == "FAILED":
			return &finalError{fmt.Errorf("the task failed: %s", status.Tasks[0].Trace)}
		}
		return fmt.Errorf("status: %s", text)
	})
}

// answers waits until the REST API answers.
func (c *Connect) answers() error {
	return c.until(context.Background(), "wait for Kafka Connect", func(ctx context.Context) error {
		_, err := c.call(ctx, http.MethodGet, "/connectors", nil)
		return err
	})
}

// finalError is one that no waiting mends.
type finalError struct{ error }

// until tries until it works, the worker ends, or startTimeout is over.
func (c *Connect) until(ctx context.Context, what string, try func(context.Context) error) error {
	process := c.running()
	if process == nil {
		return fmt.Errorf("%s: the worker doesn't run", what)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if final, ok := errors.AsType[*finalError](err); ok {
			return fmt.Errorf("%s: %w", what, final.error)
		}
		select {
		case <-tick.C:
		case <-process.Done():
			return fmt.Errorf("%s: the worker ended (%w):\n%s", what, errors.Join(process.Err()), tail(c.log()))
		case <-ctx.Done():
			return fmt.Errorf("%s: %w, last: %w", what, ctx.Err(), err)
		}
	}
}

// call returns the answer of the REST API, an error for a status that isn't 2xx.
func (c *Connect) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", c.port, path), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusBadRequest:
		return nil, &finalError{fmt.Errorf("%s %s: %s", method, path, text)}
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return text, nil
}
