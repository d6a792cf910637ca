package embeddedtest

import "testing"

func TestServerOfOnesOwnSurvivesKill(t *testing.T) {
	t.Parallel()
	s := Server(t, Parameter("work_mem", "7MB"))
	execute(t, s.URL(), "CREATE TABLE survivor (n int)")
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	execute(t, s.URL(), "SELECT * FROM survivor")
	var got string
	if err := connect(t, s.URL()).QueryRow("SHOW work_mem").Scan(&got); err != nil || got != "7MB" {
		t.Errorf("work_mem after the restart: %q, %v; want 7MB", got, err)
	}
}

func TestServersOfOnesOwnAreApart(t *testing.T) {
	t.Parallel()
	a, b := Server(t), Server(t)
	if a.URL() == b.URL() {
		t.Errorf("two servers have the URL %s", a.URL())
	}
	if err := a.Kill(); err != nil {
		t.Fatal(err)
	}
	execute(t, b.URL(), "SELECT 1")
}
