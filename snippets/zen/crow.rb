# a crow calls, and nothing answers: the image, or the configuration, does not come
tree = 0.9 + ev[:namespace].sum % 5 * 0.06
place = ev[:namespace].sum % 5 * 0.4 - 0.8

[1 + ev[:count], 3].min.times do
  sample :misc_crow, rate: tree, amp: 0.6, pan: place
  sleep 0.5
end
