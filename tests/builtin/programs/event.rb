# what a snippet is told
use_synth :piano
play scale(:c4, :major_pentatonic)[ev[:namespace].sum], amp: ev[:health]
ev[:count].times { |n| play 50 + n; sleep 0.1 }
puts ev[:pod], ev[:message], ev[:restarts], ev[:at], ev[:nothing]
