# functions of one's own
define :bass do |note, amp = 0.5|
  play note, amp: amp
  sleep 0.1
  note + 1
end
def helper(n) = play(n, release: 0.1)
ndefine(:ignored) { play 99 }
defonce(:once) { 7 }
puts bass(40), bass(41, 0.2), once
helper 70
comment { play 98 }
uncomment { play 60 }
on(1) { play 61 }
on(0) { play 97 }
puts inc(1), dec(1), factor?(6, 3), factor?(7, 0), quantise(7.3, 0.5)
puts spark_graph(1, 2, 3), block_duration { sleep 0.2 }, block_slept? { 1 }
puts "text", :symbol, nil, 1.5, [1, "a"], true
3.0.times { |n| puts n }
puts 5.max(3), 5.min(7), 9.clamp(2), -9.clamp(2)
assert_equal 1, 1
assert true
