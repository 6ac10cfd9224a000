module go.bytecodealliance.org/pkg/wit

go 1.25
