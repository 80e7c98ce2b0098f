# a question, asked again: no node has room
use_synth :tri
use_synth_defaults attack: 0.02, release: 0.2, amp: 0.17, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:namespace].sum]

[1 + ev[:count], 3].min.times do
  play home
  sleep 0.16
  play home + 10, release: 0.4
  sleep 0.34
end
