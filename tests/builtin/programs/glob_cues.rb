# cues by pattern
in_thread { 3.times { sync "/cue/a*"; puts :star, vt } }
in_thread { sync "/cue/{one,two}"; puts :either, vt }
in_thread { sync "/cue/b?d"; puts :one_letter, vt }
in_thread { sync "/cue/[ab]x"; puts :set, vt }
in_thread { sync "/some/**/deep"; puts :deep, vt }
in_thread { sync "/live_loop/pulse"; puts :pulse, vt }
in_thread { sync :pulse; puts :pulse_by_name, vt }
in_thread { a, b = sync "/cue/args"; puts a, b }
sleep 0.1
cue :ab
sleep 0.1
cue :two
cue :abc
sleep 0.1
cue :bad
cue :ax
cue "/some/where/deep", 1
cue :args, 5, [1, 2]
sleep 0.1
cue "/cue/a1"
live_loop(:pulse) { sleep 0.5; stop if vt > 2 }
set "/my/path", 7
puts get("/my/path"), get("/my/*"), get("/my/none", :default)
