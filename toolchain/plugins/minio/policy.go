package minio

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	pulumi "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
)

// policy is `minio.IamPolicy`. Its id is its name.
type policy struct{ *server }

type policyArgs struct {
	Name   string `pulumi:"name" provider:"replaceOnChanges"`
	Policy string `pulumi:"policy"` // JSON
}

type policyState struct {
	policyArgs
	NamePrefix *string `pulumi:"namePrefix,optional"` // always null; the official plugin keeps it
}

func (*policy) Annotate(a infer.Annotator) { a.SetToken("index/iamPolicy", "IamPolicy") }

// Check puts lists in order, so that the order of actions and resources makes no difference between two programs.
func (*policy) Check(ctx context.Context, req infer.CheckRequest) (infer.CheckResponse[policyArgs], error) {
	args, failures, err := infer.DefaultCheck[policyArgs](ctx, req.NewInputs)
	response := infer.CheckResponse[policyArgs]{Inputs: args, Failures: failures}
	if err != nil || len(failures) > 0 || req.NewInputs.Get("policy").HasComputed() {
		return response, err
	}
	ordered, err := inOrder(args.Policy)
	if err != nil {
		response.Failures = []pulumi.CheckFailure{{
			Property: "policy", Reason: fmt.Sprintf("contains an invalid JSON policy: %v", err),
		}}
		return response, nil
	}
	response.Inputs.Policy = ordered
	return response, nil
}

func (p *policy) Create(
	ctx context.Context, req infer.CreateRequest[policyArgs],
) (infer.CreateResponse[policyState], error) {
	response := infer.CreateResponse[policyState]{ID: req.Inputs.Name, Output: policyState{policyArgs: req.Inputs}}
	if req.DryRun {
		return response, nil
	}
	var err error
	response.Output, err = p.put(ctx, req.Inputs)
	return response, err
}

func (p *policy) Read(
	ctx context.Context, req infer.ReadRequest[policyArgs, policyState],
) (infer.ReadResponse[policyArgs, policyState], error) {
	gone := infer.ReadResponse[policyArgs, policyState]{}
	document, err := p.get(ctx, req.ID)
	if isCode(err, noSuchPolicy) {
		return gone, nil
	}
	if err != nil {
		return gone, err
	}
	response := infer.ReadResponse[policyArgs, policyState]{ID: req.ID, Inputs: req.Inputs, State: req.State}
	response.Inputs.Name, response.State.Name = req.ID, req.ID
	// The server writes a document its own way. Only a document that differs from the one it wrote before is a change.
	if before, err := inOrder(req.State.Policy); err != nil || document != before {
		response.Inputs.Policy, response.State.Policy = document, document
	}
	return response, nil
}

func (p *policy) Update(
	ctx context.Context, req infer.UpdateRequest[policyArgs, policyState],
) (infer.UpdateResponse[policyState], error) {
	if req.DryRun {
		return infer.UpdateResponse[policyState]{Output: policyState{policyArgs: req.Inputs}}, nil
	}
	state, err := p.put(ctx, req.Inputs)
	return infer.UpdateResponse[policyState]{Output: state}, err
}

func (p *policy) Delete(ctx context.Context, req infer.DeleteRequest[policyState]) (infer.DeleteResponse, error) {
	clients, err := p.connect()
	if err != nil {
		return infer.DeleteResponse{}, err
	}
	if err := clients.admin.RemoveCannedPolicy(ctx, req.ID); err != nil && !isCode(err, noSuchPolicy) {
		return infer.DeleteResponse{}, fmt.Errorf("unable to delete policy (%s): %w", req.ID, err)
	}
	return infer.DeleteResponse{}, nil
}

// put writes the policy and returns the state, which has the document as the server wrote it.
func (p *policy) put(ctx context.Context, args policyArgs) (policyState, error) {
	state := policyState{policyArgs: args}
	clients, err := p.connect()
	if err != nil {
		return state, err
	}
	if err := clients.admin.AddCannedPolicy(ctx, args.Name, []byte(args.Policy)); err != nil {
		return state, fmt.Errorf("unable to write policy (%s): %w", args.Name, err)
	}
	state.Policy, err = p.get(ctx, args.Name)
	return state, err
}

func (p *policy) get(ctx context.Context, name string) (string, error) {
	clients, err := p.connect()
	if err != nil {
		return "", err
	}
	info, err := clients.admin.InfoCannedPolicyV2(ctx, name)
	if err != nil {
		return "", fmt.Errorf("unable to read policy (%s): %w", name, err)
	}
	return inOrder(string(info.Policy))
}

// inOrder rewrites a policy document with its keys and its lists of strings sorted.
func inOrder(document string) (string, error) {
	var parsed map[string]any
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return "", err
	}
	sortLists(parsed)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(parsed); err != nil {
		return "", err
	}
	return string(bytes.TrimSpace(out.Bytes())), nil
}

func sortLists(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, inner := range value {
			sortLists(inner)
		}
	case []any:
		slices.SortStableFunc(value, func(a, b any) int {
			left, leftIsText := a.(string)
			right, rightIsText := b.(string)
			if !leftIsText || !rightIsText {
				return 0 // statements stay in the order they are in
			}
			return cmp.Compare(left, right)
		})
		for _, inner := range value {
			sortLists(inner)
		}
	}
}
