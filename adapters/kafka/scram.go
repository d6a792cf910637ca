package kafka

import (
	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// scramClient is one conversation of SCRAM (RFC 5802) as Sarama wants it.
type scramClient struct {
	*scram.ClientConversation

	mechanism Mechanism
}

var _ sarama.SCRAMClient = (*scramClient)(nil)

// Begin implements sarama.SCRAMClient.
func (c *scramClient) Begin(user, password, authzID string) error {
	hash := scram.SHA256
	if c.mechanism == ScramSHA512 {
		hash = scram.SHA512
	}
	client, err := hash.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	c.ClientConversation = client.NewConversation()
	return nil
}
