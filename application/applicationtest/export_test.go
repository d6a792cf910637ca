package applicationtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tenon-go/tenon/domain"
)

// What the tests of the suites run: one check, by its name, with an adapter that is broken on purpose.

func CheckStore(t testing.TB, name string, f StoreFixture) error {
	return runOne(t, append(storeChecks(), readerChecks()...), name, f)
}

func CheckAppender(t testing.TB, name string, f StoreFixture) error {
	return runOne(t, appenderChecks(), name, f)
}

func CheckCheckpoints(t testing.TB, name string, f CheckpointsFixture) error {
	return runOne(t, checkpointsChecks(), name, f)
}

func CheckDeadLetters(t testing.TB, name string, f DeadLettersFixture) error {
	return runOne(t, deadLettersChecks(), name, f)
}

func CheckEffects(t testing.TB, name string, f EffectsFixture) error {
	return runOne(t, effectsChecks(), name, f)
}

func CheckRepository[A domain.Aggregate](t testing.TB, name string, f RepositoryFixture[A]) error {
	return runOne(t, repositoryChecks[A](), name, f)
}

func CheckRelay(t testing.TB, name string, f RelayFixture) error {
	return runOne(t, relayChecks(), name, f)
}

// runOne has the check wait briefly: what a broken adapter never does is noticed only when patience is at its end.
func runOne[F any](t testing.TB, checks []check[F], name string, f F) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), patienceKey{}, time.Second), patience)
	defer cancel()
	for _, c := range checks {
		if c.name == name {
			return c.run(ctx, f)
		}
	}
	t.Fatalf("there is no check %q", name)
	return fmt.Errorf("there is no check %q", name)
}

// Until is what Eventually does without ending the test.
func Until(ctx context.Context, patience time.Duration, condition func() error) error {
	return until(context.WithValue(ctx, patienceKey{}, patience), condition)
}
