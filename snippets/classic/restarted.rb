# it stumbles on its first note and gets up: a container began again
use_synth :tri
use_synth_defaults attack: 0.02, release: 0.16, amp: 0.17, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:namespace].sum]

[1 + ev[:restarts], 4].min.times do
  play home - 1
  sleep 0.11
end
play home, release: 0.5
