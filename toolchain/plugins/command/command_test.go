package command_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tenant-storage/toolchain/plugins/command"
	"tenant-storage/toolchain/plugins/plugintest"
)

type props = plugintest.Props

const kind = "local:Command"

func start(t *testing.T) *plugintest.Server {
	t.Helper()
	return plugintest.Start(t, command.New(), props{})
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func TestInputsReachTheCommand(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct {
		inputs props
		stdout string
	}{
		"shell":         {props{"create": "echo $((40 + 2))"}, "42"},
		"one newline":   {props{"create": `printf 'a\n\n'`}, "a\n"},
		"stdin":         {props{"create": "cat", "stdin": "from stdin"}, "from stdin"},
		"no stdin":      {props{"create": "cat"}, ""},
		"environment":   {props{"create": "echo $GREETING", "environment": map[string]any{"GREETING": "hello"}}, "hello"},
		"dir":           {props{"create": "pwd -P", "dir": dir}, dir},
		"interpreter":   {props{"create": "echo $0", "interpreter": []any{"/bin/sh", "-ec"}}, "/bin/sh"},
		"nothing to do": {props{"delete": "true"}, ""},
		"no log":        {props{"create": "echo quiet", "logging": "none"}, "quiet"},
	} {
		t.Run(name, func(t *testing.T) {
			instance := start(t).Create(kind, test.inputs)
			equal(t, "stdout", instance.State.Text("stdout"), test.stdout)
			if !regexp.MustCompile(`^test[0-9a-f]{9}$`).MatchString(instance.ID) {
				t.Errorf("id is %q", instance.ID)
			}
			if !instance.Refresh() || len(instance.Diff(test.inputs)) > 0 {
				t.Error("a refresh changed it")
			}
		})
	}
}

func TestLifecycle(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	inputs := props{
		"create": "echo created | tee -a " + log, "update": "echo updated after $PULUMI_COMMAND_STDOUT | tee -a " + log,
		"delete": "echo deleted after $PULUMI_COMMAND_STDOUT >> " + log, "triggers": []any{"a", 1},
	}
	instance := start(t).Create(kind, inputs)
	changed := inputs.With(props{"environment": map[string]any{"A": "b"}})
	equal(t, "change", strings.Join(instance.Diff(changed), " "), "environment")
	equal(t, "change of a trigger", strings.Join(instance.Diff(inputs.With(props{"triggers": []any{"b", 1}})), " "), "triggers")
	if err := instance.Update(changed); err != nil {
		t.Fatal(err)
	}
	equal(t, "stdout", instance.State.Text("stdout"), "updated after created")
	if err := instance.Delete(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "log", string(content), "created\nupdated after created\ndeleted after updated after created\n")
}

func TestUpdateRunsCreateWhereThereIsNoOther(t *testing.T) {
	inputs := props{"create": "echo $N-$PULUMI_COMMAND_STDOUT", "addPreviousOutputInEnv": false, "environment": map[string]any{"N": "1"}}
	instance := start(t).Create(kind, inputs)
	if err := instance.Update(inputs.With(props{"environment": map[string]any{"N": "2"}})); err != nil {
		t.Fatal(err)
	}
	equal(t, "stdout", instance.State.Text("stdout"), "2-")
}

func TestFailure(t *testing.T) {
	line := "echo said; echo why >&2; exit 7"
	_, err := start(t).TryCreate(kind, props{"create": line, "stdin": plugintest.Secret("hidden-word")})
	if err == nil || !strings.Contains(err.Error(), `exit status 7: running "`+line+`":`) || !strings.Contains(err.Error(), "why") {
		t.Errorf("error is %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "hidden-word") {
		t.Error("the error has the secret in it")
	}
}

func TestSecretsStaySecret(t *testing.T) {
	instance := start(t).Create(kind, props{
		"create": "cat", "stdin": plugintest.Secret("a"), "environment": plugintest.Secret(map[string]any{"A": "b"}),
	})
	for _, name := range []string{"stdin", "environment"} {
		equal(t, name+" secret", instance.State.IsSecret(name), true)
	}
	// As with the official plugin, what a command prints is public unless the program says additionalSecretOutputs.
	equal(t, "stdout secret", instance.State.IsSecret("stdout"), false)
}

func TestPreviewRunsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made")
	start(t).PreviewCreate(kind, props{"create": "touch " + file, "stdin": plugintest.Unknown()})
	if _, err := os.Stat(file); err == nil {
		t.Error("the preview ran the command")
	}
}

func TestRefusals(t *testing.T) {
	server := start(t)
	for name, test := range map[string]struct {
		kind   string
		inputs props
		want   string
	}{
		"assets":         {kind, props{"create": "true", "assetPaths": []any{"*"}}, "assetPaths: not implemented by the source-built command"},
		"archive":        {kind, props{"create": "true", "archivePaths": []any{"*"}}, "archivePaths: not implemented"},
		"logging":        {kind, props{"create": "true", "logging": "loud"}, "logging: is not one of"},
		"other resource": {"remote:Command", props{"create": "true"}, "not implemented by the source-built command plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failures := server.In(t).Check(test.kind, test.inputs)
			if len(failures) != 1 || !strings.Contains(failures[0], test.want) {
				t.Errorf("failures are %q", failures)
			}
		})
	}
}
