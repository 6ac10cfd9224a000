(component
  (component $inner
    (type $thing (resource (rep i32)))
    (export $named "thing" (type $thing))
    (@custom "menagerie:manifest" "{\"name\":\"n\",\"version\":\"1\",\"kind\":\"arbiter\"}"))
  (instance $one (instantiate $inner))
  (alias export $one "thing" (type $thing))
  (core func $drop (canon resource.drop $thing))
  (core module $m (import "a" "drop" (func (param i32))) (func $start i32.const 0 call 0) (start $start))
  (core instance $a (export "drop" (func $drop)))
  (core instance (instantiate $m (with "a" (instance $a))))
  (instance $arbiter (export "thing" (type $thing)))
  (export "menagerie:plugin/arbiter@0.1.0" (instance $arbiter)))
