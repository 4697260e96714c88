package random_test

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"tenant-storage/toolchain/plugins/plugintest"
	"tenant-storage/toolchain/plugins/random"
)

type props = plugintest.Props

const kind = "index/randomPassword:RandomPassword"

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
	special = "!@#$%&*()-_=+[]{}<>:?"
)

func count(text, characters string) int {
	return len(text) - len(strings.Map(func(r rune) rune {
		if strings.ContainsRune(characters, r) {
			return -1
		}
		return r
	}, text))
}

func TestPassword(t *testing.T) {
	server := plugintest.Start(t, random.New(), props{})
	for name, test := range map[string]struct {
		inputs  props
		allowed string
		atLeast map[string]int
	}{
		"everything":   {props{"length": 200}, lower + upper + digits + special, map[string]int{lower: 1, upper: 1, digits: 1, special: 1}},
		"no special":   {props{"length": 200, "special": false}, lower + upper + digits, nil},
		"no lower":     {props{"length": 200, "lower": false}, upper + digits + special, nil},
		"no upper":     {props{"length": 200, "upper": false}, lower + digits + special, nil},
		"no numeric":   {props{"length": 200, "numeric": false}, lower + upper + special, nil},
		"no number":    {props{"length": 200, "number": false}, lower + upper + special, nil},
		"own special":  {props{"length": 200, "overrideSpecial": "/~", "lower": false, "upper": false, "numeric": false}, "/~", nil},
		"minLower":     {props{"length": 9, "lower": false, "minLower": 3}, lower + upper + digits + special, map[string]int{lower: 3}},
		"minUpper":     {props{"length": 9, "minUpper": 9}, upper, nil},
		"minNumeric":   {props{"length": 9, "minNumeric": 9}, digits, nil},
		"minSpecial":   {props{"length": 9, "minSpecial": 9, "overrideSpecial": "~"}, "~", nil},
		"one of each":  {props{"length": 4, "minLower": 1, "minUpper": 1, "minNumeric": 1, "minSpecial": 1}, lower + upper + digits + special, map[string]int{lower: 1, upper: 1, digits: 1, special: 1}},
		"with keepers": {props{"length": 44, "special": false, "keepers": map[string]any{"a": "1"}}, lower + upper + digits, nil},
	} {
		t.Run(name, func(t *testing.T) {
			password := server.In(t).Create(kind, test.inputs)
			result := password.State.Text("result")
			length := test.inputs["length"].(int)
			if len(result) != length || count(result, test.allowed) != length {
				t.Errorf("result is %q", result)
			}
			for characters, minimum := range test.atLeast {
				if count(result, characters) < minimum {
					t.Errorf("result is %q, without %d of %s", result, minimum, characters)
				}
			}
			if password.ID != "none" {
				t.Errorf("id is %q", password.ID)
			}
			if !password.State.IsSecret("result") || !password.State.IsSecret("bcryptHash") || password.State.IsSecret("length") {
				t.Error("result and bcryptHash are the secrets")
			}
			if err := bcrypt.CompareHashAndPassword([]byte(password.State.Text("bcryptHash")), []byte(result)[:min(72, length)]); err != nil {
				t.Error(err)
			}
			if !password.Refresh() || len(password.Diff(test.inputs)) > 0 {
				t.Error("a refresh changed it")
			}
		})
	}
}

func TestEveryChangeReplaces(t *testing.T) {
	server := plugintest.Start(t, random.New(), props{})
	inputs := props{"length": 20, "keepers": map[string]any{"a": "1"}}
	password := server.Create(kind, inputs)
	for name, change := range map[string]props{
		"keepers": {"keepers": map[string]any{"a": "2"}}, "length": {"length": 21}, "special": {"special": false},
	} {
		if changes := strings.Join(password.Diff(inputs.With(change)), " "); changes != name+"!" {
			t.Errorf("change of %s is %q", name, changes)
		}
	}
}

func TestPreview(t *testing.T) {
	state := plugintest.Start(t, random.New(), props{}).PreviewCreate(kind, props{"length": 20})
	if !state.IsSecret("result") {
		t.Error("an unknown result must be secret, too")
	}
}

func TestRefusals(t *testing.T) {
	server := plugintest.Start(t, random.New(), props{})
	for name, test := range map[string]struct {
		kind   string
		inputs props
		want   string
	}{
		"too short":      {kind, props{"length": 3, "minLower": 4}, "length: "},
		"nothing":        {kind, props{"length": 0}, "length: "},
		"no characters":  {kind, props{"length": 3, "lower": false, "upper": false, "numeric": false, "special": false}, "special: "},
		"no length":      {kind, props{}, "length: "},
		"unknown word":   {kind, props{"length": 3, "words": 2}, "words: not implemented"},
		"other resource": {"index/randomBytes:RandomBytes", props{"length": 3}, "not implemented by the source-built random plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			_, failures := server.In(t).Check(test.kind, test.inputs)
			if len(failures) != 1 || !strings.Contains(failures[0], test.want) {
				t.Errorf("failures are %q", failures)
			}
		})
	}
}
