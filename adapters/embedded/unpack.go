package embedded

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// unpack unpacks the one txz in a jar into directory root. The machine's tar does it: the standard
// library does not read xz.
func unpack(ctx context.Context, jar, root string) error {
	txz := root + ".txz"
	if err := extractMember(jar, ".txz", txz); err != nil {
		return fmt.Errorf("unpack %s: %w", jar, err)
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		return fmt.Errorf("unpack %s: %w", jar, err)
	}
	// As root tar would restore the publisher's user ids.
	if out, err := exec.CommandContext(ctx, "tar", "-xJof", txz, "-C", root).CombinedOutput(); err != nil {
		return fmt.Errorf("unpack %s with tar and xz: %w %s", jar, err, out)
	}
	return nil
}

func extractMember(jar, suffix, to string) (err error) {
	r, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer r.Close()
	for _, member := range r.File {
		if strings.HasSuffix(member.Name, suffix) {
			return writeMember(member, to)
		}
	}
	return fmt.Errorf("no %s in it", suffix)
}

func writeMember(member *zip.File, to string) (err error) {
	in, err := member.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
