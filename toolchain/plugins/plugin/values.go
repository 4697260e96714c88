package plugin

// Or is the value of an optional property, or the fallback.
func Or[T any](property *T, fallback T) T {
	if property == nil {
		return fallback
	}
	return *property
}

// Ref is a property that is set.
func Ref[T any](value T) *T {
	return &value
}

// Observe records what the server says in an input, when the input says something else. The next `pulumi up` then sees
// the difference to the program and repairs it. `absent` is what a property that is left out means.
func Observe[T comparable](input **T, actual, absent T) {
	if Or(*input, absent) != actual {
		*input = &actual
	}
}
