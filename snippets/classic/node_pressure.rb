# a lid rattles on a pot that boils: a node runs short of memory, disk or processes
use_synth :square
use_synth_defaults attack: 0.01, release: 0.06, cutoff: 92, amp: 0.68,
  pan: ev[:pod].sum % 5 * 0.4 - 0.8

home = scale(:c4, :major_pentatonic)[ev[:pod].sum]

12.times do |n|
  play home + n / 2 + 6 * (n % 2)
  sleep 0.16 - 0.008 * n
end
