package journal

import (
	"fmt"
	"os"
	"testing"

	"receptor/internal/propseed"
)

func TestMain(m *testing.M) {
	if err := propseed.Use("../../sim/testdata/seeds.txt"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}
