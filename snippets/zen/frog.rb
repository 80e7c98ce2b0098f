# a frog falls in and croaks again: a container began anew
pond = 52 + ev[:namespace].sum % 5 * 2
place = ev[:namespace].sum % 5 * 0.4 - 0.8

with_fx :bpf, centre: pond + 28, res: 0.3 do
  [1 + ev[:restarts], 4].min.times do
    8.times do |n|
      synth :saw, note: pond + n / 2, attack: 0.005, release: 0.03, amp: 3, pan: place
      sleep 0.028
    end
    sleep 0.15
  end
end
