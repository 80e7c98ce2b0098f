# one soft note, its namespace's own: a pod was made
use_synth :pluck
use_synth_defaults amp: 0.35, pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c3, :major_pentatonic, num_octaves: 2)[ev[:namespace].sum]

[ev[:count], 4].min.times do
  play home, release: 0.4
  sleep 0.12
end
