# knocks on a door that nobody opens: the image, or the configuration, does not come
use_synth :square
use_synth_defaults attack: 0.01, release: 0.14, cutoff: 90, amp: 0.48,
  pan: ev[:namespace].sum % 5 * 0.4 - 0.8

home = scale(:c3, :major_pentatonic)[ev[:namespace].sum]

[1 + ev[:count], 3].min.times do
  play_pattern_timed [home + 12, home + 12, home + 6], 0.14
  sleep 0.15
end
