// Package types has what bindings made by wit-bindgen are written with: just what the contract's world needs of it.
package types

// What an Option is.
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value or none.
type Option[T any] struct {
	value *T
}

// Some is an Option with a value.
func Some[T any](value T) Option[T] { return Option[T]{&value} }

// None is an Option without a value.
func None[T any]() Option[T] { return Option[T]{} }

// Of is an Option of what may be nil.
func Of[T any](value *T) Option[T] { return Option[T]{value} }

// Tag is OptionNone or OptionSome.
func (o Option[T]) Tag() uint8 {
	if o.value == nil {
		return OptionNone
	}
	return OptionSome
}

// Some is the value that is known to be there.
func (o Option[T]) Some() T { return *o.value }

// OrNil is the value, or nil.
func (o Option[T]) OrNil() *T { return o.value }

// What a Result is.
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is a value or why there is none.
type Result[T, E any] struct {
	value   T
	problem *E
}

// Ok is a Result with a value.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{value: value} }

// Err is a Result without a value.
func Err[T, E any](problem E) Result[T, E] { return Result[T, E]{problem: &problem} }

// Tag is ResultOk or ResultErr.
func (r Result[T, E]) Tag() uint8 {
	if r.problem == nil {
		return ResultOk
	}
	return ResultErr
}

// Ok is the value.
func (r Result[T, E]) Ok() T { return r.value }

// Err is why there is no value.
func (r Result[T, E]) Err() E { return *r.problem }

// IsErr tells whether there is no value.
func (r Result[T, E]) IsErr() bool { return r.problem != nil }

// Tuple2 is two values.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Unit is no value.
type Unit struct{}
