package plugin_test

import (
	"strings"
	"testing"

	"tenant-storage/toolchain/plugins/command"
	"tenant-storage/toolchain/plugins/plugintest"
)

// A stack that was last updated where the official plugins are has their bookkeeping in its state.
func TestStatesOfOfficialPluginsAreReadable(t *testing.T) {
	inputs := plugintest.Props{"create": "echo hello"}
	instance := plugintest.Start(t, command.New(), plugintest.Props{}).Create("local:Command", inputs)
	instance.Inputs["__defaults"] = []any{"logging"}
	instance.State["__meta"] = "{}"
	instance.State["assets"] = map[string]any{}
	if changes := instance.Diff(inputs); len(changes) > 0 {
		t.Errorf("changes are %q", changes)
	}
	if !instance.Refresh() {
		t.Error("it is not gone")
	}
	if err := instance.Update(inputs); err != nil {
		t.Error(err)
	}
}

func TestRefusalsSayWhatHelps(t *testing.T) {
	server := plugintest.Start(t, command.New(), plugintest.Props{})
	_, failures := server.Check("local:Command", plugintest.Props{"create": "true", "assetPaths": []any{"*"}, "archivePaths": nil})
	for _, part := range []string{"assetPaths: ", "not implemented by the source-built command plugin",
		"`pulumi plugin install resource command v1.2.1 --reinstall`"} {
		if len(failures) != 1 || !strings.Contains(failures[0], part) {
			t.Errorf("failures are %q, want %q in them", failures, part)
		}
	}
}

// No update of a provider may replace it: everything it made would be replaced, too.
func TestConfigChangesReplaceNothing(t *testing.T) {
	server := plugintest.Unconfigured(t, command.New())
	if changes := server.DiffConfig(plugintest.Props{"a": "1", "b": "1", "c": "1"}, plugintest.Props{"a": "1", "b": "2", "d": "1"}); changes != "b c d" {
		t.Errorf("changes are %q", changes)
	}
}
