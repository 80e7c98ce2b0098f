# a fifth opens: the pod has a node
use_synth :pluck
use_synth_defaults amp: 0.35, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c3, :major_pentatonic, num_octaves: 2)[ev[:namespace].sum]

[ev[:count], 3].min.times do
  play_pattern_timed [home, home + 7], 0.1, release: 0.4
end
