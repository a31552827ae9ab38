// Command boards reads boards by the types that Grafana generates from its schemas, and names what those do not know.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// The library returns an empty list of faults where it has none.
func fault(err error) error {
	var faults cog.BuildErrors
	if errors.As(err, &faults) && len(faults) == 0 {
		return nil
	}
	return err
}

func read(name string) error {
	raw, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	board := dashboard.Dashboard{}
	if err = fault(board.UnmarshalJSONStrict(raw)); err != nil {
		return err
	}
	if err = fault(board.Validate()); err != nil {
		return err
	}
	// The library reads a query without a data source of its own as one of any kind.
	queries := struct {
		Panels []struct{ Targets []json.RawMessage }
	}{}
	if err = json.Unmarshal(raw, &queries); err != nil {
		return err
	}
	for _, panel := range queries.Panels {
		for _, target := range panel.Targets {
			query := prometheus.Dataquery{}
			if err = fault(query.UnmarshalJSONStrict(target)); err != nil {
				return err
			}
		}
	}
	return nil
}

func main() {
	plugins.RegisterDefaultPlugins()
	code := 0
	for _, name := range os.Args[1:] {
		if err := read(name); err != nil {
			fmt.Printf("%s: %v\n", name, err)
			code = 1
		} else {
			fmt.Println(name + ": good")
		}
	}
	os.Exit(code)
}
