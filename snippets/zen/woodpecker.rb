# a woodpecker looks for a tree with room: no node takes the pod
tree = 1.8 + ev[:namespace].sum % 5 * 0.15
place = ev[:namespace].sum % 5 * 0.4 - 0.8

[1 + ev[:count], 3].min.times do
  9.times do |n|
    sample :elec_wood, rate: tree, sustain: 0.015, release: 0.02, amp: 1.4 - 0.07 * n, pan: place
    sleep 0.06
  end
  sleep 0.25
end
