package random

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"golang.org/x/crypto/bcrypt"

	"tenant-storage/toolchain/plugins/plugin"
)

// password is `random.RandomPassword`. Its id is "none", so that the secret is in no place but `result`. It has no
// Update: every change makes a new one.
type password struct{}

type passwordArgs struct {
	Length          int               `pulumi:"length"`
	Lower           *bool             `pulumi:"lower,optional"`
	Upper           *bool             `pulumi:"upper,optional"`
	Numeric         *bool             `pulumi:"numeric,optional"`
	Number          *bool             `pulumi:"number,optional"` // former name of numeric
	Special         *bool             `pulumi:"special,optional"`
	OverrideSpecial *string           `pulumi:"overrideSpecial,optional"` // instead of the usual special characters
	MinLower        *int              `pulumi:"minLower,optional"`
	MinUpper        *int              `pulumi:"minUpper,optional"`
	MinNumeric      *int              `pulumi:"minNumeric,optional"`
	MinSpecial      *int              `pulumi:"minSpecial,optional"`
	Keepers         map[string]string `pulumi:"keepers,optional"`
}

type passwordState struct {
	Length          int               `pulumi:"length"`
	Lower           bool              `pulumi:"lower"`
	Upper           bool              `pulumi:"upper"`
	Numeric         bool              `pulumi:"numeric"`
	Number          bool              `pulumi:"number"`
	Special         bool              `pulumi:"special"`
	OverrideSpecial *string           `pulumi:"overrideSpecial,optional"`
	MinLower        int               `pulumi:"minLower"`
	MinUpper        int               `pulumi:"minUpper"`
	MinNumeric      int               `pulumi:"minNumeric"`
	MinSpecial      int               `pulumi:"minSpecial"`
	Keepers         map[string]string `pulumi:"keepers,optional"`
	Result          string            `pulumi:"result" provider:"secret"`
	BcryptHash      string            `pulumi:"bcryptHash" provider:"secret"`
}

func (*password) Annotate(a infer.Annotator) { a.SetToken("index/randomPassword", "RandomPassword") }

// WireDependencies: what is made up here is secret.
func (*password) WireDependencies(f infer.FieldSelector, _ *passwordArgs, state *passwordState) {
	f.OutputField(&state.Result).AlwaysSecret()
	f.OutputField(&state.BcryptHash).AlwaysSecret()
}

// class is a kind of characters and how many there must be at least.
type class struct {
	characters string
	minimum    int
}

func (*password) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[passwordArgs], error) {
	args, failures, err := infer.DefaultCheck[passwordArgs](ctx, req.NewInputs)
	if err != nil || len(failures) > 0 || req.NewInputs.Get("length").IsComputed() {
		return infer.CheckResponse[passwordArgs]{Inputs: args, Failures: failures}, err
	}
	minimum, allowed := 0, 0
	for _, class := range args.classes() {
		minimum += class.minimum
		allowed += len(class.characters)
	}
	if args.Length < max(1, minimum) {
		failures = append(failures, pulumi.CheckFailure{
			Property: "length", Reason: fmt.Sprintf("is %d, less than the %d characters asked for", args.Length, max(1, minimum)),
		})
	}
	if allowed == 0 {
		failures = append(failures, pulumi.CheckFailure{
			Property: "special", Reason: "one of lower, upper, numeric and special must be true",
		})
	}
	return infer.CheckResponse[passwordArgs]{Inputs: args, Failures: failures}, nil
}

func (*password) Create(
	_ context.Context, req infer.CreateRequest[passwordArgs],
) (infer.CreateResponse[passwordState], error) {
	args := req.Inputs
	numeric := args.numeric()
	response := infer.CreateResponse[passwordState]{ID: "none", Output: passwordState{
		Length: args.Length, OverrideSpecial: args.OverrideSpecial, Keepers: args.Keepers,
		Lower: plugin.Or(args.Lower, true), Upper: plugin.Or(args.Upper, true), Special: plugin.Or(args.Special, true),
		Numeric: numeric, Number: numeric,
		MinLower: plugin.Or(args.MinLower, 0), MinUpper: plugin.Or(args.MinUpper, 0),
		MinNumeric: plugin.Or(args.MinNumeric, 0), MinSpecial: plugin.Or(args.MinSpecial, 0),
	}}
	if req.DryRun {
		return response, nil
	}
	result, err := generate(args.Length, args.classes())
	if err != nil {
		return response, err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(result)[:min(len(result), 72)], bcrypt.DefaultCost) // bcrypt reads 72 bytes
	response.Output.Result, response.Output.BcryptHash = result, string(hash)
	return response, err
}

// numeric is said by either of two names.
func (a passwordArgs) numeric() bool {
	return plugin.Or(a.Numeric, plugin.Or(a.Number, true))
}

// classes are the allowed kinds of characters. A minimum asks for its kind even where that is switched off.
func (a passwordArgs) classes() []class {
	special := plugin.Or(a.OverrideSpecial, "")
	if special == "" {
		special = "!@#$%&*()-_=+[]{}<>:?"
	}
	classes := []class{}
	for _, kind := range []struct {
		allowed bool
		class
	}{
		{plugin.Or(a.Lower, true), class{"abcdefghijklmnopqrstuvwxyz", plugin.Or(a.MinLower, 0)}},
		{plugin.Or(a.Upper, true), class{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", plugin.Or(a.MinUpper, 0)}},
		{a.numeric(), class{"0123456789", plugin.Or(a.MinNumeric, 0)}},
		{plugin.Or(a.Special, true), class{special, plugin.Or(a.MinSpecial, 0)}},
	} {
		if kind.allowed {
			classes = append(classes, kind.class)
		} else if kind.minimum > 0 {
			classes = append(classes, class{kind.characters, kind.minimum})
		}
	}
	return classes
}

// generate takes the minimum of each class, fills up from all of them, and shuffles.
func generate(length int, classes []class) (string, error) {
	result := make([]byte, 0, length)
	all := ""
	for _, class := range classes {
		all += class.characters
		for range class.minimum {
			chosen, err := below(len(class.characters))
			if err != nil {
				return "", err
			}
			result = append(result, class.characters[chosen])
		}
	}
	for len(result) < length {
		chosen, err := below(len(all))
		if err != nil {
			return "", err
		}
		result = append(result, all[chosen])
	}
	for i := len(result) - 1; i > 0; i-- {
		j, err := below(i + 1)
		if err != nil {
			return "", err
		}
		result[i], result[j] = result[j], result[i]
	}
	return string(result), nil
}

// below returns a number from 0 to limit-1, each as likely as the others.
func below(limit int) (int, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(limit)))
	if err != nil {
		return 0, fmt.Errorf("read random bytes: %w", err)
	}
	return int(n.Int64()), nil
}
