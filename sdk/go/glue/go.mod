// What lies between the bindings that `menagerie build` makes of wit/ and package menagerie: put beside the bindings, into a
// module of this name. By itself it does not build.
module wit_component

go 1.25
